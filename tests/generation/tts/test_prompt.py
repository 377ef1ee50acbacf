from pathlib import Path

import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.errors import AudioError
from wavcube.generation.tts.prompt import read_prompt, shortened, trim

RATE = 16_000


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def test_silence_at_the_ends_is_cut_but_not_inside() -> None:
    waveform = np.concatenate([silence(1), tone(1), silence(0.7), tone(1), silence(2)])
    assert len(trim(waveform, RATE)) / RATE == pytest.approx(2.9, abs=0.05)


def test_quiet_prompts_are_raised_and_loud_ones_left() -> None:
    quiet, loud = read_prompt(tone(2, 0.01), RATE, RATE), read_prompt(tone(2, 0.5), RATE, RATE)
    assert float(np.sqrt(np.square(quiet.waveform).mean())) == pytest.approx(0.1, rel=1e-3)
    assert float(np.sqrt(np.square(loud.waveform).mean())) == pytest.approx(0.5 / 2**0.5, rel=1e-3)
    assert [quiet.level, loud.level] == pytest.approx([0.01 / 2**0.5, 0.5 / 2**0.5], rel=1e-2)


def test_long_prompts_are_cut_at_a_pause() -> None:
    waveform = np.concatenate([tone(7), silence(0.3), tone(8)])
    kept = read_prompt(waveform, RATE, RATE, shorten=True)
    assert len(kept.waveform) / RATE == pytest.approx(7.15, abs=0.16)
    assert kept.seconds == pytest.approx(15.3, abs=0.05)
    assert len(shortened(tone(9.9), RATE)) == round(9.9 * RATE)


def test_files_are_read() -> None:
    assert 1 < len(read_prompt(SPEECH / "p287_002.flac", None, RATE).waveform) / RATE < 20


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (silence(3), "silent"),
        (np.concatenate([silence(3), tone(0.3), silence(3)]), r"a prompt needs 1 s"),
        (tone(40), r"lasts 40\.0 s; cut the prompt"),
        (np.zeros(0, np.float32), "holds no samples"),
        (np.full(RATE * 2, 0.5, np.float32), "silent"),  # a constant is no sound
    ],
)
def test_useless_prompts_are_refused(waveform: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        read_prompt(waveform, RATE, RATE)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="sample_rate"):
        read_prompt(tone(2), None, RATE)
    with pytest.raises(AudioError, match="no such file"):
        read_prompt(tmp_path / "none.wav", None, RATE)
    for nothing in (None, b"RIFF"):
        with pytest.raises(AudioError, match="give a path, or an array"):
            read_prompt(nothing, None, RATE)
