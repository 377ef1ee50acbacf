import numpy as np
import pytest

from wavcube.generation.tts.loudness import CEILING, at_level, limited, speech_level

RATE = 16_000


def tone(seconds: float, peak: float) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def test_pauses_do_not_count() -> None:
    silence = np.zeros(RATE, np.float32)
    assert speech_level(tone(1, 0.2), RATE) == pytest.approx(0.2 / 2**0.5, rel=1e-3)
    assert speech_level(np.concatenate([silence, tone(1, 0.2), silence]), RATE) == pytest.approx(0.2 / 2**0.5, rel=1e-3)
    assert speech_level(silence, RATE) == 0.0
    assert speech_level(silence[:0], RATE) == 0.0
    assert speech_level(tone(0.01, 0.2), RATE) == pytest.approx(0.2 / 2**0.5, rel=0.05)


def test_speech_gets_the_level_that_is_wanted() -> None:
    for peak in (0.003, 0.1, 0.9):
        assert speech_level(at_level(tone(1, peak), 0.05, RATE), RATE) == pytest.approx(0.05, rel=1e-3)
    assert not at_level(np.zeros(100, np.float32), 0.1, RATE).any()


def test_peaks_are_limited_smoothly() -> None:
    loud = tone(1, 0.5)
    loud[8000] = 3.0
    result = limited(loud, RATE)
    assert np.abs(result).max() <= CEILING
    assert result.dtype == np.float32
    away = np.abs(np.arange(len(loud)) - 8000) > 200
    np.testing.assert_array_equal(result[away], loud[away])
    # Near the peak the gain changes by little from sample to sample.
    near = np.flatnonzero((np.abs(loud) > 0.1) & (np.abs(np.arange(len(loud)) - 8000) < 200))
    gain = result[near] / loud[near]
    assert np.abs(np.diff(gain)).max() < 0.1
    assert limited(tone(1, 0.5), RATE) is not None
    np.testing.assert_array_equal(limited(tone(1, 0.5), RATE), tone(1, 0.5))


def test_a_loud_tone_is_scaled_as_a_whole() -> None:
    result = limited(tone(1, 2.0), RATE)
    assert np.abs(result).max() == pytest.approx(CEILING, abs=0.01)
    middle = slice(2000, 14_000)
    np.testing.assert_allclose(result[middle], tone(1, CEILING)[middle], atol=0.02)
