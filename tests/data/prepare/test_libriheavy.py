"""Manifests of Libriheavy."""

import gzip
import json
import os
from pathlib import Path

import pytest

from tests.data.prepare.conftest import cut
from wavcube.data.json_lines import JsonLines
from wavcube.data.line_index import index_path
from wavcube.data.prepare.check import Level
from wavcube.data.prepare.libriheavy import prepare_libriheavy
from wavcube.data.prepare.manifest import Summary
from wavcube.errors import DataError


def prepare(source: Path, out: Path, root: Path | None = None) -> Summary:
    return prepare_libriheavy(source, out, root or source, Level.header, 2, lambda *_: None)


def test_usable_cuts_go_through_unchanged(libriheavy, tmp_path):
    summary = prepare(libriheavy, tmp_path / "out")
    small = tmp_path / "out/libriheavy_cuts_small.jsonl"
    original = gzip.decompress((libriheavy / "libriheavy_cuts_small.jsonl.gz").read_bytes()).splitlines()
    assert small.read_bytes().splitlines() == original[:3]
    counts = {name: (s.recordings, s.seconds, s.speakers, s.bad) for name, s in summary.subsets.items()}
    assert counts == {"dev": (1, 1.0, {"100"}, 1), "small": (3, 4.5, {"100", "200"}, 1)}
    bad = summary.bad_list.read_text()
    assert "c.flac: no such file" in bad
    assert "b.flac\tends at 3.00 s, before its last cut" in bad


def test_what_training_reads(libriheavy, tmp_path):
    out = tmp_path / "out"
    paths = prepare(libriheavy, out).outputs
    assert [index_path(path).is_file() for path in paths] == [True, True]
    clips = JsonLines(out / "libriheavy_cuts_small.jsonl", libriheavy)
    assert [(clip.path.is_file(), clip.start, clip.seconds) for clip in clips] == [
        (True, 0.0, 1.0),
        (True, 1.0, 1.5),
        (True, 0.5, 2.0),
    ]


def test_finished_subsets_are_kept(libriheavy, tmp_path):
    out = tmp_path / "out"
    first = prepare(libriheavy, out)
    small, dev = out / "libriheavy_cuts_small.jsonl", out / "libriheavy_cuts_dev.jsonl"
    before = [path.stat().st_mtime_ns for path in (small, dev)]
    os.utime(libriheavy / "libriheavy_cuts_dev.jsonl.gz", ns=(1, 1))
    assert prepare(libriheavy, out) == first
    after = [path.stat().st_mtime_ns for path in (small, dev)]
    assert after[0] == before[0]
    assert after[1] > before[1]
    assert not list(out.glob("*.notes"))


def test_an_interrupted_subset_leaves_nothing_that_looks_finished(libriheavy, tmp_path):
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "opening recordings" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_libriheavy(libriheavy, tmp_path / "out", libriheavy, Level.header, 1, interrupt)
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".notes"]
    assert prepare(libriheavy, tmp_path / "out").subsets["small"].recordings == 3


def test_an_unpacked_manifest_of_another_name(libriheavy, tmp_path):
    (libriheavy / "libriheavy_cuts_mine.jsonl").write_text(json.dumps(cut(0, "a", 0.0, 1.0)) + "\n")
    summary = prepare(libriheavy, tmp_path / "out")
    assert summary.subsets["mine"].recordings == 1
    assert any("'mine' is no subset as published" in warning for warning in summary.warnings)


def test_what_cannot_be_prepared(libriheavy, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(DataError, match="holds no manifest of Libriheavy"):
        prepare(tmp_path, out)
    with pytest.raises(DataError, match=r"none of its \d recordings can be used, .*no such file; .*--audio-root"):
        prepare(libriheavy, out, tmp_path)
    manifest = libriheavy / "libriheavy_cuts_dev.jsonl.gz"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-30])
    with pytest.raises(DataError, match="is damaged or incomplete"):
        prepare(libriheavy, out)
    manifest.write_bytes(gzip.compress(b'{"id": 1}\n'))
    with pytest.raises(DataError, match="line 1: is no cut of Libriheavy"):
        prepare(libriheavy, out)
    manifest.write_bytes(gzip.compress(2 * (json.dumps(cut(0, "a", 0.0, 1.0)) + "\n").encode()))
    with pytest.raises(DataError, match="1 lines are there twice"):
        prepare(libriheavy, out)
