"""Manifests of JSON lines."""

import json
from pathlib import Path

import pytest

from wavcube.data.config import SourceConfig
from wavcube.data.manifests.clip_table import Clip
from wavcube.data.manifests.json_lines import JsonLines
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


def manifest(tmp_path: Path, *entries: object) -> SourceConfig:
    path = tmp_path / "cuts.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return SourceConfig(str(path))


def test_cuts_and_recordings(tmp_path):
    recording = {**CUT["recording"], "id": "whole"}
    clips = JsonLines(manifest(tmp_path, CUT, recording))
    path = str(tmp_path / "librilight/book.flac")
    assert list(clips) == [
        Clip(path, "small/100/book/part_0", 12.5, 9.25, 0),
        Clip(path, "whole", 0.0, 62.5),
    ]


def test_root(tmp_path):
    source = manifest(tmp_path, CUT)
    source.root = "/corpora"
    assert JsonLines(source)[0].audio == "/corpora/librilight/book.flac"


@pytest.mark.parametrize(
    "line",
    [
        "{broken",
        "[1, 2]",
        '{"id": "x"}',
        '{"id": "x", "recording": {"sources": []}, "duration": 1}',
        '{"id": "x", "recording": {"sources": [{"source": "a.flac"}]}}',
        '{"id": "x", "recording": {"sources": [{"type": "url", "source": "a.flac"}]}, "duration": 1}',
    ],
)
def test_malformed_lines_are_named(tmp_path, line):
    source = manifest(tmp_path, CUT)
    with open(source.path, "a") as file:
        file.write(line)
    with pytest.raises(DataError, match=r"cuts\.jsonl, line 2: is no cut or recording"):
        JsonLines(source)[1]


def test_where_is_for_tables(tmp_path):
    source = manifest(tmp_path, CUT)
    source.where = {"speaker": "100"}
    with pytest.raises(DataError, match="filter a manifest when preparing it"):
        JsonLines(source)
