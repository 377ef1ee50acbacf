"""Manifests of JSON lines."""

import json
from pathlib import Path

import pytest

from wavcube.data.json_lines import JsonLines
from wavcube.errors import DataError

CUT = {
    "id": "small/100/book/part_0",
    "start": 12.5,
    "duration": 9.25,
    "channel": 0,
    "supervisions": [{"speaker": "100", "custom": {"texts": ["Hello."]}}],
    "recording": {
        "id": "book",
        "sources": [{"type": "file", "channels": [0], "source": "librilight/book.flac"}],
        "sampling_rate": 16000,
        "num_samples": 999999,
        "duration": 62.5,
    },
    "type": "MonoCut",
}


def manifest(tmp_path: Path, *entries: object) -> Path:
    path = tmp_path / "cuts.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def test_cuts_and_recordings(tmp_path):
    recording = {**CUT["recording"], "id": "whole"}
    clips = JsonLines(manifest(tmp_path, CUT, recording))
    cut, whole = clips
    path = tmp_path / "librilight/book.flac"
    assert (cut.name, cut.path, cut.start, cut.seconds, cut.channel) == ("small/100/book/part_0", path, 12.5, 9.25, 0)
    assert cut.columns["speaker"] == "100"
    assert (whole.name, whole.path, whole.start, whole.seconds, whole.channel) == ("whole", path, None, 62.5, None)


def test_root(tmp_path):
    assert JsonLines(manifest(tmp_path, CUT), "/corpora")[0].path == Path("/corpora/librilight/book.flac")


@pytest.mark.parametrize(
    "line",
    [
        "{broken",
        '{"id": "x", "recording": {"sources": []}, "duration": 1}',
        '{"id": "x", "recording": {"sources": [{"source": "a.flac"}]}}',
        '{"id": "x", "recording": {"sources": [{"type": "url", "source": "a.flac"}]}, "duration": 1}',
    ],
)
def test_malformed_lines_are_named(tmp_path, line):
    source = manifest(tmp_path, CUT)
    with source.open("a") as file:
        file.write(line)
    with pytest.raises(DataError, match=r"cuts\.jsonl, line 2: is no cut or recording"):
        JsonLines(source)[1]


def test_where(tmp_path):
    rows = [{"path": f"{n}.wav", "speaker": speaker, "text": "words"} for n, speaker in enumerate("aabc")]
    clips = JsonLines(manifest(tmp_path, CUT, *rows), where={"speaker": "a|100"})
    assert [clip.path.name for clip in clips] == ["book.flac", "0.wav", "1.wav"]
    assert clips[-1].transcript == "words"
    with pytest.raises(DataError, match=r"no column 'sex' to filter by; there are .*speaker"):
        JsonLines(manifest(tmp_path, CUT, *rows), where={"sex": "F"})
    with pytest.raises(DataError, match="none of its 5 recordings match speaker=d"):
        JsonLines(manifest(tmp_path, CUT, *rows), where={"speaker": "d"})
