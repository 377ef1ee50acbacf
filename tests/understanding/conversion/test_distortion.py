import numpy as np
import pytest

from tests.understanding.corpora import spoken
from wavcube.audio.io import as_mono
from wavcube.understanding.conversion.distortion import alignment, mel_cepstral_distortion, mel_cepstrum


def plainly(distances: np.ndarray) -> float:
    """The alignment, cell by cell."""
    cost, count = np.full(distances.shape, np.inf), np.zeros(distances.shape)
    for i, j in np.ndindex(distances.shape):
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        costs = [cost[k] if min(k) >= 0 else np.inf for k in before] if i or j else [0.0]
        best = int(np.argmin(costs))
        cost[i, j] = costs[best] + distances[i, j]
        count[i, j] = count[before[best]] + 1 if i or j else 1
    return float(cost[-1, -1] / count[-1, -1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (9, 4), (5, 12)])
def test_diagonals_align_as_single_cells_do(shape: tuple[int, int]) -> None:
    distances = np.random.default_rng(0).random(shape)
    assert alignment(distances) == pytest.approx(plainly(distances), rel=1e-12)


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    return as_mono(spoken([0, 3, 1, 4], 120.0), 24_000, 16_000)


def test_a_recording_is_at_no_distance_from_itself(sentence: np.ndarray) -> None:
    assert mel_cepstral_distortion(sentence, sentence) < 1e-3
    other = as_mono(spoken([5, 2, 0], 120.0), 24_000, 16_000)
    apart = mel_cepstral_distortion(sentence, other)
    assert apart > 3.0
    assert mel_cepstral_distortion(other, sentence) == pytest.approx(apart, rel=0.02)


def test_slower_speech_is_nearer_than_other_speech(sentence: np.ndarray) -> None:
    slower = as_mono(spoken([0, 0, 3, 3, 1, 1, 4, 4], 120.0, seed=1), 24_000, 16_000)
    other = as_mono(spoken([5, 5, 2, 2, 0, 0, 3, 3], 120.0, seed=1), 24_000, 16_000)
    assert mel_cepstral_distortion(sentence, slower) < mel_cepstral_distortion(sentence, other) / 2


def test_half_the_level_is_that_much_in_the_first_coefficient(sentence: np.ndarray) -> None:
    loud, quiet = mel_cepstrum(sentence), mel_cepstrum(sentence / 2)
    np.testing.assert_allclose((loud - quiet)[:, 0], np.log(2), atol=0.02)
    # One coefficient's difference d counts 10 / ln 10 * sqrt(2) * d.
    expected = 10 / np.log(10) * np.sqrt(2) * np.log(2)
    assert mel_cepstral_distortion(sentence, sentence / 2) == pytest.approx(expected, rel=0.1)


def test_the_pitch_hardly_counts_and_the_envelope_does(sentence: np.ndarray) -> None:
    higher = as_mono(spoken([0, 3, 1, 4], 170.0), 24_000, 16_000)
    larger = as_mono(spoken([0, 3, 1, 4], 120.0, 1.3), 24_000, 16_000)
    assert mel_cepstral_distortion(sentence, higher) < 0.75 * mel_cepstral_distortion(sentence, larger)


def test_silence_and_moments_are_measured_too() -> None:
    silence = np.zeros(16_000, np.float32)
    assert mel_cepstral_distortion(silence, silence[:5]) == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(mel_cepstral_distortion(silence, np.ones(10, np.float32)))
