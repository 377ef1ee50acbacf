"""Manifests of LibriSpeech, LibriTTS and folders."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.data.prepare.conftest import write_noise
from wavcube.data.config import SourceConfig
from wavcube.data.prepare.check import Level
from wavcube.data.prepare.folder import find_folder
from wavcube.data.prepare.libri import find_clips
from wavcube.data.prepare.librispeech import LIBRISPEECH
from wavcube.data.prepare.libritts import LIBRITTS
from wavcube.data.prepare.manifest import Summary
from wavcube.data.prepare.tables import prepare_table
from wavcube.data.streaming.sources import read_table
from wavcube.errors import DataError


def silent(*_: object) -> None:
    pass


def speech(source: Path, out: Path) -> Summary:
    return prepare_table(source, out, lambda folder: find_clips(folder, LIBRISPEECH), Level.header, 2, silent)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_librispeech(librispeech, tmp_path):
    out = tmp_path / "speech.tsv"
    summary = speech(librispeech, out)
    table = rows(out)
    assert len(table) == 8
    assert table[0] == {
        "path": str(librispeech / "LibriSpeech/dev-clean/174/50561/174-50561-0000.flac"),
        "seconds": "1.000",
        "speaker": "174",
        "subset": "dev-clean",
        "transcript": "THE WORDS OF 0",
    }
    dev = summary.subsets["dev-clean"]
    assert (dev.recordings, dev.seconds, dev.speakers, dev.bad) == (5, 9.0, {"84", "174"}, 0)
    assert summary.subsets["test-clean"].recordings == 3
    assert summary.warnings[0].startswith("dev-clean: 5 of 2,703 recordings and 2 of 40 speakers are there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpora", "speech.tsv"]


def test_the_manifest_is_what_training_reads(librispeech, tmp_path):
    speech(librispeech, tmp_path / "speech.tsv")
    table = read_table(SourceConfig(str(tmp_path / "speech.tsv"), where={"subset": "test-clean"}))
    assert [clip.seconds for clip in table] == [1.0, 2.0, 3.0]
    assert all(clip.path.is_file() for clip in table)


def test_the_folder_of_subsets_may_be_named_itself(librispeech, tmp_path):
    assert len(speech(librispeech / "LibriSpeech", tmp_path / "speech.tsv").subsets) == 2


def test_oddities_of_librispeech_are_told(librispeech, tmp_path):
    chapter = librispeech / "LibriSpeech/dev-clean/84/121123"
    (chapter / "84-121123-0000.flac").rename(chapter / "85-121123-0000.flac")
    (librispeech / "LibriSpeech/test-clean/61/70968/61-70968.trans.txt").unlink()
    (librispeech / "LibriSpeech/dev-clean/174/50561/174-50561-0001.flac").write_bytes(b"fLaC")
    summary = speech(librispeech, tmp_path / "speech.tsv")
    told = "\n".join(summary.warnings)
    assert "dev-clean/84/121123: 1 recordings left out: their names do not begin with 84-121123-" in told
    assert "dev-clean/84/121123: 1 recordings missing that have a transcript" in told
    assert "test-clean/61/70968: 3 recordings without a transcript" in told
    assert summary.subsets["dev-clean"].bad == 1
    assert len(rows(tmp_path / "speech.tsv")) == 6
    bad = rows(summary.bad_list)
    assert [Path(row["path"]).name for row in bad] == ["174-50561-0001.flac"]
    assert "is not a recording" in bad[0]["reason"]


def test_a_corpus_that_was_mended_loses_its_bad_list(librispeech, tmp_path):
    broken = librispeech / "LibriSpeech/dev-clean/174/50561/174-50561-0001.flac"
    broken.write_bytes(b"fLaC")
    assert speech(librispeech, tmp_path / "speech.tsv").bad_list.is_file()
    write_noise(broken)
    assert speech(librispeech, tmp_path / "speech.tsv").bad_list is None
    assert not list(tmp_path.glob("*.bad.tsv"))


def test_libritts(libritts, tmp_path):
    out = tmp_path / "tts.tsv"
    for source in (libritts, libritts.parent):
        summary = prepare_table(source, out, lambda folder: find_clips(folder, LIBRITTS), Level.decode, 1, silent)
        assert summary.subsets["dev-clean"].speakers == {"84"}
    assert [(row["seconds"], row["transcript"]) for row in rows(out)] == [
        ("0.500", f"Sentence {number}.") for number in range(3)
    ]


def test_a_folder(tmp_path):
    for name in ("calls/anna/1.wav", "calls/anna/2.flac", "calls/ben/1.wav", "odd  name.wav"):
        write_noise(tmp_path / "own" / name)
    (tmp_path / "own/calls/ben/1.txt").write_text("Two\tlines\nof text\n")
    summary = prepare_table(tmp_path / "own", tmp_path / "own.tsv", find_folder, Level.header, 1, silent)
    assert [(row["speaker"], row["subset"], row["transcript"]) for row in rows(tmp_path / "own.tsv")] == [
        ("anna", "calls", ""),
        ("anna", "calls", ""),
        ("ben", "calls", "Two lines of text"),
        ("", "", ""),
    ]
    assert sum(subset.recordings for subset in summary.subsets.values()) == 4


def test_a_path_that_a_table_cannot_hold(tmp_path):
    for name in ("a\tb.wav", "c.wav"):
        write_noise(tmp_path / "own" / name)
    summary = prepare_table(tmp_path / "own", tmp_path / "own.tsv", find_folder, Level.header, 1, silent)
    assert len(rows(tmp_path / "own.tsv")) == 1
    assert "holds a tab" in rows(summary.bad_list)[0]["reason"]


def test_nothing_to_prepare(librispeech, tmp_path):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.tsv"
    with pytest.raises(DataError, match="holds no subset of LibriSpeech"):
        speech(tmp_path / "empty", out)
    with pytest.raises(DataError, match="holds no audio file"):
        prepare_table(tmp_path / "empty", out, find_folder, Level.header, 1, silent)
    with pytest.raises(DataError, match="no such folder"):
        prepare_table(tmp_path / "gone", out, find_folder, Level.header, 1, silent)
    with pytest.raises(DataError, match=r"name a file that ends in \.tsv"):
        speech(librispeech, tmp_path / "out.csv")
    with pytest.raises(DataError, match="no such folder to write the manifest to"):
        speech(librispeech, tmp_path / "gone" / "out.tsv")
    for recording in librispeech.rglob("*.flac"):
        recording.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 8 recordings can be used, the first: .*empty \(0 bytes\)"):
        speech(librispeech, out)
    for speaker in librispeech.glob("LibriSpeech/*/*"):
        shutil.rmtree(speaker)
    with pytest.raises(DataError, match=r"here hold no recordings \(speaker/chapter/speaker-chapter-number\.flac\)"):
        speech(librispeech, out)
    assert not out.exists()
