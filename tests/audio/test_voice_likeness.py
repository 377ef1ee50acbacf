import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.audio.voice_likeness import doubt_of_voice

RATE = 16_000
TIME = np.arange(4 * RATE) / RATE


def test_clean_speech_raises_no_doubt() -> None:
    for name in ("p287_002.flac", "LJ001-0013.opus"):
        assert doubt_of_voice(load_audio(SPEECH / name), RATE) is None


def test_noise_and_chords_are_named() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, len(TIME))
    chord = sum(0.1 * np.sin(2 * np.pi * pitch * TIME) for pitch in (220, 277, 330)) * (1 + 0.3 * np.sin(TIME * 6))
    for waveform in (noise, chord):
        assert "music or steady noise" in str(doubt_of_voice(waveform.astype(np.float32), RATE))


def test_bursts_without_pitch_are_named() -> None:
    bursts = np.random.default_rng(0).normal(0, 0.1, len(TIME)) * (np.sin(2 * np.pi * 3 * TIME) > 0.3)
    assert "has a pitch" in str(doubt_of_voice(bursts.astype(np.float32), RATE))


@pytest.mark.parametrize("seconds", [1.0, 0.5])
def test_short_waveforms_are_measured_too(seconds: float) -> None:
    doubt_of_voice(load_audio(SPEECH / "p287_002.flac")[: round(seconds * RATE)], RATE)
