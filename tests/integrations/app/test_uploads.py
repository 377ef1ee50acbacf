"""Uploads: bounded, checked, and gone with their page."""

from pathlib import Path

import numpy as np
import pytest

from tests.integrations.app.conftest import VOICE
from wavcube.audio.io import load_audio, save_audio
from wavcube.errors import AudioError, AudioWarning
from wavcube.integrations.app import uploads
from wavcube.integrations.app.uploads import LONGEST_S, Uploads, read_upload


def noise(seconds: float, rate: int = 8_000) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate)).astype(np.float32)


def test_a_recording_is_what_is_in_the_file() -> None:
    recording = read_upload(VOICE)
    np.testing.assert_array_equal(recording.waveform, load_audio(VOICE))
    assert (recording.sample_rate, recording.name) == (16_000, VOICE.name)


def test_a_minute_is_taken_and_not_a_second_more(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    save_audio(path, noise(LONGEST_S), 8_000)
    assert read_upload(path).seconds == LONGEST_S
    save_audio(path, noise(LONGEST_S + 1), 8_000)
    with pytest.raises(AudioError, match=r"^long.wav: lasts 61 s; this page takes up to 60 s"):
        read_upload(path)


def test_a_header_that_lies_about_its_length_is_no_way_around(tmp_path: Path) -> None:
    path = tmp_path / "streamed.flac"
    save_audio(path, noise(LONGEST_S + 1), 8_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the length in STREAMINFO: unknown
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.warns(AudioWarning, match="does not say"), pytest.raises(AudioError, match="lasts 61 s"):
        read_upload(path)


def test_too_large_a_file_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.wav"
    save_audio(path, noise(1), 8_000)
    monkeypatch.setattr(uploads, "LARGEST_MB", 0.01)
    with pytest.raises(AudioError, match=r"^large.wav: has 0 MB; this page takes up to 0.01 MB"):
        read_upload(path)


def test_what_is_no_speech_is_one_sentence_without_the_servers_folders(tmp_path: Path, text_file: Path) -> None:
    with pytest.raises(AudioError, match=r"^<b>notes.wav: is not a recording") as found:
        read_upload(text_file)
    assert str(tmp_path) not in str(found.value)
    silent = tmp_path / "silent.wav"
    save_audio(silent, np.zeros(16_000, np.float32), 16_000)
    with pytest.raises(AudioError, match=r"^silent.wav: is silent$"):
        read_upload(silent)
    with pytest.raises(AudioError, match="no target voice yet: upload one"):
        read_upload(None, "target voice")
    with pytest.raises(AudioError, match=r"^gone.wav: is no longer on the server"):
        read_upload(tmp_path / "gone.wav")


def test_files_go_with_the_last_page_that_holds_them(tmp_path: Path) -> None:
    own, shared = tmp_path / "own.wav", tmp_path / "shared.wav"
    for path in (own, shared):
        path.write_bytes(b"sound")
    held = Uploads()
    held.hold("first", str(own))
    held.hold("first", str(shared))
    held.hold("second", str(shared))
    held.delete("first")
    assert not own.exists()
    assert shared.exists()
    held.delete("second")
    held.delete("second")
    assert not shared.exists()
