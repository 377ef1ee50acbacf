"""What every metric must say: the ceiling for the identity, less and less for more and more noise."""

import numpy as np
import pytest

from tests.evaluation.conftest import StubASR, StubEncoder, noisy_pair
from wavcube.evaluation.metrics import METRICS, MetricOptions, Pair, Recording, choose_metrics

OPTIONS = MetricOptions(speaker=StubEncoder(), asr=StubASR())
CHOSEN = {m.name: m for m in choose_metrics([n for n in METRICS if n not in {"utmos", "bitrate"}], OPTIONS).metrics}
TEXT = " ".join(StubASR.words)

CEILING = {
    "stoi": 1.0,
    "estoi": 1.0,
    "pesq_wb": 4.644,
    "pesq_nb": 4.549,
    "mel_distance": 0.0,
    "stft_distance": 0.0,
    "log_f0_rmse": 0.0,
    "log_f0_median": 0.0,
    "voicing_f1": 1.0,
    "speaker_similarity": 1.0,
    "wer_vs_original": 0.0,
    "cer_vs_original": 0.0,
}


def test_identity_reaches_the_ceiling(clip: np.ndarray) -> None:
    recording = Recording(clip, 16_000)
    found: dict[str, float] = {}
    for metric in CHOSEN.values():
        found |= metric(Pair(recording, recording, TEXT)).values
    for name, expected in CEILING.items():
        assert found[name] == pytest.approx(expected, abs=1e-3), name
    identical = CHOSEN["si_sdr"](Pair(recording, Recording(clip.copy(), 16_000)))
    assert "infinite" in identical.undefined["si_sdr"]


@pytest.mark.parametrize("name", list(CHOSEN))
def test_more_noise_is_worse(name: str, clip: np.ndarray, noise: np.ndarray) -> None:
    metric = CHOSEN[name]
    measured = []
    # Pitch is hardly moved by little noise, and then either way.
    for snr_db in (20.0, 5.0, -5.0) if name == "pitch" else (40.0, 20.0, 0.0):
        pair = noisy_pair(clip, noise, snr_db)
        pair.transcript = TEXT
        measured.append(metric(pair))
    for quantity in metric.quantities:
        if quantity.ratio:
            continue
        if quantity.name == "dnsmos_sig":
            continue  # scores the speech apart from the noise
        values = [m.values[quantity.name] for m in measured]
        ordered = sorted(values, reverse=quantity.better == "higher")
        assert values == ordered, f"{quantity.name}: {values}"
        assert values[0] != values[-1]


@pytest.mark.parametrize("name", [n for n in CHOSEN if n not in {"wer", "wer_vs_original"}])
def test_silence_is_undefined_and_says_so(name: str, silent_pair: Pair) -> None:
    measurement = CHOSEN[name](silent_pair)
    assert measurement.values == {}
    assert set(measurement.undefined) == {q.name for q in CHOSEN[name].quantities}
    assert set(measurement.undefined.values()) == {"the reconstruction is silent"}


@pytest.mark.parametrize("name", ["stoi", "pesq_wb", "si_sdr", "mel", "stft", "pitch", "speaker"])
def test_a_silent_original_is_undefined(name: str, clip: np.ndarray) -> None:
    measurement = CHOSEN[name](Pair(Recording(np.zeros_like(clip), 16_000), Recording(clip, 16_000)))
    assert set(measurement.undefined.values()) == {"the original is silent"}


@pytest.mark.parametrize("samples", [1, 30, 800, 3000])
def test_short_recordings_have_an_answer_or_a_reason(samples: int, clip: np.ndarray, noise: np.ndarray) -> None:
    start = 16_000  # amid speech
    original, made = clip[start : start + samples], (clip + 0.01 * noise)[start : start + samples]
    for metric in CHOSEN.values():
        measurement = metric(Pair(Recording(original, 16_000), Recording(made, 16_000), TEXT))
        for quantity in metric.quantities:
            if not quantity.ratio:
                assert (quantity.name in measurement.values) != (quantity.name in measurement.undefined), quantity.name
