"""PESQ given to the evaluation of text to speech compared new speech with the prompt, and gave numbers."""

import pytest

from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import choose_metrics
from wavcube.generation.tts.evaluation.evaluate import SpeakingSettings, evaluate_speech


def test_a_metric_that_compares_samples_is_refused_in_one_sentence(tmp_path):
    metrics = choose_metrics(["pesq_wb", "si_sdr"]).metrics
    with pytest.raises(ConfigError, match=r"pesq_wb, si_sdr: .* sample by sample") as refusal:
        evaluate_speech(None, [], metrics, tmp_path, SpeakingSettings())
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
