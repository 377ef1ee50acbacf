import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.evaluation.metric import Pair, Recording
from wavcube.generation.tts.evaluation.prosody import Prosody

pytest.importorskip("swift_f0")


def pair(change: float = 1.0, gain: float = 1.0, silence: int = 0) -> Pair:
    """A recording, and the same played `change` times as fast, with `silence` behind it."""
    waveform = load_audio(SPEECH / "p287_002.flac")
    at = np.arange(0, len(waveform) - 1, change)
    played = (gain * np.interp(at, np.arange(len(waveform)), waveform)).astype(np.float32)
    return Pair(Recording(waveform, 16_000), Recording(np.pad(played, (0, silence)), 16_000))


def test_a_recording_is_like_itself() -> None:
    values = Prosody()(pair()).values
    assert all(abs(value) < 0.2 for value in values.values()), values


def test_pitch_is_measured_in_semitones_and_level_in_decibels() -> None:
    values = Prosody()(pair(change=2 ** (2 / 12), gain=0.5)).values
    assert values["pitch_difference"] == pytest.approx(2.0, abs=0.3)
    assert values["level_difference"] == pytest.approx(-6.0, abs=0.3)
    assert values["clipped"] == 0


def test_silence_lowers_the_share_of_voiced_frames_but_not_the_level() -> None:
    one, other = (Prosody()(pair(silence=silence)).values for silence in (0, 40_000))
    assert other["voiced_difference"] < one["voiced_difference"] - 10
    assert other["level_difference"] == pytest.approx(one["level_difference"], abs=0.3)


def test_clipping_is_counted() -> None:
    assert Prosody()(pair(gain=50.0)).values["clipped"] == 100
