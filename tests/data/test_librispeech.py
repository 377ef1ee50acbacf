"""LibriSpeech's transcripts and recordings, by name."""

from pathlib import Path

import pytest

from wavcube.data.librispeech import find_recording, read_transcripts, speaker_of
from wavcube.errors import DataError


def test_transcripts_of_all_chapters(tmp_path: Path) -> None:
    for chapter in ("84/1", "85/2"):
        (tmp_path / chapter).mkdir(parents=True)
    (tmp_path / "84/1/84-1.trans.txt").write_text("84-1-0000 GO DO YOU HEAR\n84-1-0001\n")
    (tmp_path / "85/2/85-2.trans.txt").write_bytes(b"\xef\xbb\xbf85-2-0000 AND AGAIN\r\n")
    assert read_transcripts(tmp_path) == {"84-1-0000": "GO DO YOU HEAR", "85-2-0000": "AND AGAIN"}
    assert read_transcripts(tmp_path / "84/1") == {"84-1-0000": "GO DO YOU HEAR"}
    (tmp_path / "85/2/85-2.trans.txt").write_bytes(b"85-2-0000 \xe9\n")
    with pytest.raises(DataError, match=r"85-2\.trans\.txt: is no text in UTF-8"):
        read_transcripts(tmp_path)


def test_recordings_nested_and_flat(tmp_path: Path) -> None:
    assert find_recording(tmp_path, "84-1-0000") == tmp_path / "84/1/84-1-0000.flac"
    (tmp_path / "84-1-0000.wav").touch()
    assert find_recording(tmp_path, "84-1-0000") == tmp_path / "84-1-0000.wav"
    (tmp_path / "84/1").mkdir(parents=True)
    (tmp_path / "84/1/84-1-0000.flac").touch()
    assert find_recording(tmp_path, "84-1-0000") == tmp_path / "84/1/84-1-0000.flac"
    assert speaker_of("84-1-0000") == "84"
