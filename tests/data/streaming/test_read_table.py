"""Folders and lists as tables of clips."""

import os
from pathlib import Path

import pytest

from wavcube.data.config import SourceConfig
from wavcube.data.streaming.sources import read_table
from wavcube.errors import DataError


def source(path: Path, text: str | None = None, **options: object) -> SourceConfig:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return SourceConfig(str(path), **options)


def paths(table: object) -> list[str]:
    return [str(clip.path) for clip in table]


def test_a_folder(write_tones):
    first = write_tones(3, folder="speech")
    second = write_tones(1, folder="speech/deeper")
    (first[0].parent / "notes.txt").write_text("no audio")
    assert paths(read_table(SourceConfig(str(first[0].parent)))) == [str(path) for path in first + second]


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="holds no audio file"):
        read_table(SourceConfig(str(tmp_path)))


def test_one_path_a_line(tmp_path):
    table = read_table(source(tmp_path / "list.txt", "\ufeffa.flac\n\n  b c.flac  \n/abs/d.flac"))
    assert paths(table) == [str(tmp_path / "a.flac"), str(tmp_path / "b c.flac"), "/abs/d.flac"]
    elsewhere = read_table(source(tmp_path / "list.txt", "a.flac", root="/corpus"))
    assert paths(elsewhere) == ["/corpus/a.flac"]


TABLE = "path\tsplit\tsex\ttext\tseconds\n" + "".join(
    f"{row}\n"
    for row in ('a.flac\ttrain\tF\tsay "hi\t1.5', "b.flac\ttest\tM\t\t2", "c.flac\ttrain\tM\t\t", "d.flac\tdev\tF\t\t4")
)


def test_a_table(tmp_path):
    table = read_table(source(tmp_path / "list.tsv", TABLE))
    assert [os.path.basename(path) for path in paths(table)] == ["a.flac", "b.flac", "c.flac", "d.flac"]
    assert [clip.seconds for clip in table] == [1.5, 2.0, None, 4.0]
    comma = read_table(source(tmp_path / "list.csv", 'id,audio\n1,"a, b.flac"\n', column="audio"))
    assert paths(comma) == [str(tmp_path / "a, b.flac")]


@pytest.mark.parametrize(
    ("where", "kept"),
    [({"split": "train"}, "ac"), ({"split": "train|dev"}, "acd"), ({"split": "train|dev", "sex": "F"}, "ad")],
)
def test_rows_are_chosen(tmp_path, where, kept):
    table = read_table(source(tmp_path / "list.tsv", TABLE, where=where))
    assert "".join(os.path.basename(path)[0] for path in paths(table)) == kept


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("l.txt", "", {}, "l.txt: lists no recordings"),
        ("l.tsv", "", {}, "lists no recordings"),
        ("l.tsv", TABLE, {"column": "audio"}, "line 2: no 'audio'; columns here are path, split"),
        ("l.tsv", TABLE, {"where": {"speaker": "x"}}, "no column 'speaker'"),
        ("l.tsv", TABLE, {"where": {"split": "tran"}}, "none of its 4 recordings match split=tran"),
        ("l.txt", "a.flac", {"where": {"split": "train"}}, "no column 'split' to filter by; there are none"),
        ("l.txt", "a.flac\nb.flac\na.flac\n", {}, "line 3: a.flac is already on line 1"),
        ("l.tsv", "path\tseconds\na.flac\n", {}, "line 2: does not have as many cells as the header, 1 for 2"),
        ("l.tsv", "path\tseconds\na.flac\tlong\n", {}, "line 2: 'long' is no number of seconds"),
    ],
)
def test_bad_lists(tmp_path, name, text, options, message):
    with pytest.raises(DataError, match=message):
        read_table(source(tmp_path / name, text, **options))


def test_a_recording_instead_of_a_list(write_tones):
    with pytest.raises(DataError, match="is no text in UTF-8"):
        read_table(SourceConfig(str(write_tones(1)[0])))
