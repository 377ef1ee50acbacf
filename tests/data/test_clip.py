"""Clips: reading a part is the same as reading the whole and cutting it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavcube.audio.io import load_audio
from wavcube.data.clip import Clip, read_clip, seconds_of, with_seconds
from wavcube.errors import AudioError


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    path = tmp_path / "noise.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 3 * 16_000), 16_000)
    return path


def test_a_part_is_a_piece_of_the_whole(noise: Path) -> None:
    whole = load_audio(noise)
    np.testing.assert_array_equal(read_clip(Clip("x", noise)), whole)
    np.testing.assert_array_equal(read_clip(Clip("x", noise, 0.5, 1.0)), whole[8_000:24_000])
    np.testing.assert_array_equal(read_clip(Clip("x", noise, 2.5)), whole[40_000:])


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("begin", [0.0, 0.737, 1.9])
def test_a_part_at_another_rate(tmp_path: Path, rate: int, begin: float) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 3 * rate), rate)
    part = read_clip(Clip("x", path, begin, 0.5))
    first = round(begin * rate) * 16_000 / rate
    assert len(part) == 8_000
    np.testing.assert_allclose(part, load_audio(path)[round(first) : round(first) + 8_000], atol=2e-4)


def test_only_the_part_is_decoded(noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = soundfile.SoundFile.read

    def counting(self: soundfile.SoundFile, frames: int = -1, **options: object) -> np.ndarray:
        read.append(frames)
        return original(self, frames, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    read_clip(Clip("x", noise, 1.0, 0.25))
    assert read == [4_000]


def test_where_a_format_cannot_be_searched_all_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp3"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.3, 0.3, 3 * 16_000), 16_000)
    np.testing.assert_array_equal(read_clip(Clip("x", path, 1.0, 0.5)), load_audio(path)[16_000:24_000])


def test_channels(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    both = np.random.default_rng(0).uniform(-0.5, 0.5, (8_000, 2)).astype(np.float32)
    soundfile.write(path, both, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(read_clip(Clip("x", path, channel=1)), both[:, 1])
    np.testing.assert_array_equal(read_clip(Clip("x", path, 0.25, 0.1, channel=0)), both[4_000:5_600, 0])


def test_parts_that_are_not_there(noise: Path) -> None:
    with pytest.raises(AudioError, match=r"ends at 3\.00 s, the list asks for up to 3\.20 s"):
        read_clip(Clip("x", noise, 2.0, 1.2))
    with pytest.raises(AudioError, match=r"is 3\.00 s long, has no part from 5 s on"):
        read_clip(Clip("x", noise, 5.0))
    assert len(read_clip(Clip("x", noise, 2.0, 1.05))) == 16_000  # durations in lists are rounded


def test_durations_are_filled_once(noise: Path, tmp_path: Path) -> None:
    clips = [Clip("a", noise), Clip("b", noise, 1.0), Clip("c", noise, 1.0, 0.5), Clip("d", tmp_path / "gone.wav")]
    assert [clip.seconds for clip in with_seconds(clips)] == [3.0, 2.0, 0.5, None]
    assert [seconds_of(clip) for clip in clips[:3]] == [3.0, 2.0, 0.5]
    with pytest.raises(AudioError, match="no such file"):
        seconds_of(clips[3])


def test_a_part_of_the_second_stream_of_a_chain(tmp_path: Path) -> None:
    """libsndfile knows the first stream alone."""
    path = tmp_path / "a.ogg"
    soundfile.write(path, np.sin(np.arange(16_000) / 20) * 0.3, 16_000, format="OGG", subtype="OPUS")
    path.write_bytes(path.read_bytes() * 2)
    part = read_clip(Clip("x", path, 1.5, 0.25))
    np.testing.assert_array_equal(part, load_audio(path)[24_000:28_000])
