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


def test_silence_at_the_ends_changes_neither_voicing_nor_level() -> None:
    one, other = (Prosody()(pair(silence=silence)).values for silence in (0, 40_000))
    assert other["voiced_difference"] == pytest.approx(one["voiced_difference"], abs=1)
    assert other["level_difference"] == pytest.approx(one["level_difference"], abs=0.3)


def test_a_pause_lowers_the_share_of_voiced_frames() -> None:
    alone = pair().reconstruction.waveform
    paused = Recording(np.concatenate([alone, np.zeros(32_000, np.float32), alone]), 16_000)
    values = Prosody()(Pair(Recording(alone, 16_000), paused)).values
    assert values["voiced_difference"] < -10


def test_of_noise_nothing_is_said_of_voicing() -> None:
    noise = (0.1 * np.random.default_rng(0).normal(size=32_000)).astype(np.float32)
    found = Prosody()(Pair(pair().original, Recording(noise, 16_000)))
    assert "voiced_difference" in found.undefined
    assert "level_difference" in found.values


def test_clipping_is_counted() -> None:
    assert Prosody()(pair(gain=50.0)).values["clipped"] == 100
