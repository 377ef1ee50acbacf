"""Which metrics run, and what is said of those that cannot."""

import pytest

from tests.evaluation.conftest import StubASR, StubEncoder
from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import METRICS, MetricOptions, choose_metrics
from wavcube.evaluation.metrics import dnsmos as dnsmos_module


def test_all_by_default_without_those_that_lack_weights() -> None:
    chosen = choose_metrics()
    assert [m.name for m in chosen.metrics] + list(chosen.skipped) != []
    assert set(chosen.skipped) == {"utmos", "speaker", "wer", "wer_vs_original"}
    assert "--speaker" in chosen.skipped["speaker"]
    assert "--asr" in chosen.skipped["wer"]
    assert "--utmos" in chosen.skipped["utmos"]


def test_order_is_that_of_the_request() -> None:
    assert [m.name for m in choose_metrics(["si_sdr", "stoi", "si_sdr"]).metrics] == ["si_sdr", "stoi"]


def test_metrics_share_a_model(asr: StubASR, encoder: StubEncoder) -> None:
    options = MetricOptions(speaker=encoder, asr=asr)
    chosen = choose_metrics(["wer", "wer_vs_original", "speaker"], options)
    assert not chosen.skipped
    assert chosen.metrics[0].asr is chosen.metrics[1].asr is asr


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no metric 'stoy'; there are stoi"):
        choose_metrics(["stoy"])
    with pytest.raises(ConfigError, match="no text normaliser 'upper'"):
        MetricOptions(normaliser="upper")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METRICS["dnsmos"], "packages", {"no_such_package": "no-such"})
    chosen = choose_metrics(["dnsmos"])
    assert chosen.metrics == []
    assert chosen.skipped["dnsmos"] == 'the package no-such is missing: pip install "wavcube[eval]"'
    assert dnsmos_module.DNSMOS is METRICS["dnsmos"]


@pytest.mark.parametrize(
    ("options", "metric", "part"),
    [
        (MetricOptions(speaker="nonsense"), "speaker", "'nonsense' is not known; give one of"),
        (MetricOptions(speaker="missing.onnx"), "speaker", "missing.onnx: no such file"),
        (MetricOptions(speaker="ecapa:missing.pth"), "speaker", "missing.pth: no such file"),
        (MetricOptions(asr="nonsense"), "wer", "'nonsense' is not known; give one of"),
        (MetricOptions(utmos="missing.pt"), "utmos", "missing.pt: no such file"),
    ],
)
def test_a_model_that_cannot_be_had_is_named(options: MetricOptions, metric: str, part: str) -> None:
    chosen = choose_metrics([metric], options)
    assert chosen.metrics == []
    assert part in chosen.skipped[metric]
