import pytest

from tests.locations import SPEECH
from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import MetricOptions
from wavcube.reconstruction import EvaluationSettings, evaluate_reconstruction


def test_everything_in_one_call(tmp_path):
    settings = EvaluationSettings(
        ("identity",),
        SPEECH / "speech.tsv",
        tmp_path,
        limit=2,
        metrics=("si_sdr", "speaker"),
        processes=1,
        listen=False,
    )
    skipped = {}
    summary = evaluate_reconstruction(settings, on_skipped=skipped.__setitem__)
    assert summary.systems == ["identity"]
    assert list(skipped) == ["speaker"]
    assert (tmp_path / "report.html").is_file()


def test_without_a_metric_that_can_run(tmp_path):
    settings = EvaluationSettings(("identity",), SPEECH, tmp_path, metrics=("utmos",), options=MetricOptions())
    with pytest.raises(ConfigError, match=r"none of the chosen metrics can run here \(utmos: needs its weights"):
        evaluate_reconstruction(settings)
