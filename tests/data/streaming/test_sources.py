"""Telling sources apart, and trying them before anything starts."""

import json
import logging

import pytest

from wavcube.data.config import DataConfig, SourceConfig
from wavcube.data.streaming.sources import kind_of, open_clips
from wavcube.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("speech/shard-{000..099}.tar", "webdataset"),
        ("shard.tar", "webdataset"),
        ("pipe:cat x", "webdataset"),
        ("https://host/shard-000.tar", "webdataset"),
        ("s3://bucket/{0..9}.tgz", "webdataset"),
    ],
)
def test_shards_are_told_by_their_path(path, kind):
    assert kind_of(SourceConfig(path)) == kind
    assert kind_of(SourceConfig(path, kind="list")) == "list"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.txt", "list"), ("a.tsv", "list"), ("a.csv", "list"), ("a.jsonl", "jsonl"), ("a.jsonl.gz", "lhotse")],
)
def test_lists_are_told_by_their_suffix(tmp_path, name, kind):
    (tmp_path / name).touch()
    assert kind_of(SourceConfig(str(tmp_path / name))) == kind


def test_folders(tmp_path):
    assert kind_of(SourceConfig(str(tmp_path))) == "folder"
    (tmp_path / "cuts.000000.jsonl.gz").touch()
    assert kind_of(SourceConfig(str(tmp_path))) == "shar"
    with pytest.raises(DataError, match="gone: no such file or folder"):
        kind_of(SourceConfig(str(tmp_path / "gone")))
    with pytest.raises(ConfigError, match="a source has no path"):
        kind_of(SourceConfig())


def opened(tmp_path, text, name="list.tsv", **settings):
    path = tmp_path / name
    path.write_text(text)
    return open_clips(DataConfig([SourceConfig(str(path), root=settings.pop("root", ""))], **settings))


def test_a_list_whose_files_are_all_missing(tmp_path):
    text = "path\n" + "".join(f"{number}.flac\n" for number in range(1000))
    with pytest.raises(
        DataError, match=r"list\.tsv: 50 of 50 recordings that were tried cannot be used.*0\.flac: no such file.*`root`"
    ):
        opened(tmp_path, text)
    with pytest.raises(DataError, match="20 of 20") as error:
        opened(tmp_path, text, check_files=20, root="/nowhere")
    assert "`root`" not in str(error.value)


def test_a_list_of_recordings_that_are_too_short(write_tones):
    folder = write_tones(3, seconds=0.02)[0].parent
    with pytest.raises(DataError, match=r"3 of 3 .*too short, .* 400 samples"):
        open_clips(DataConfig([SourceConfig(str(folder))]))


def test_a_few_bad_recordings_are_left_to_the_run(write_tones):
    paths = write_tones(10)
    for path in paths[:5]:
        path.write_bytes(b"")
    assert len(open_clips(DataConfig([SourceConfig(str(paths[0].parent))]))[0]) == 10


def test_known_durations_are_chosen_by_beforehand(tmp_path, write_tones, caplog):
    names = [path.name for path in write_tones(4)]
    text = "path\tseconds\n" + "".join(f"clips/{n}\t{s}\n" for n, s in zip(names, (0.1, 0.5, 0.6, 9.0), strict=True))
    with caplog.at_level(logging.INFO):
        table = opened(tmp_path, text, min_seconds=0.2, max_seconds=1.0)[0]
    assert [clip.seconds for clip in table] == [0.5, 0.6]
    assert "2 clips left out by min_seconds and max_seconds" in caplog.text
    with pytest.raises(DataError, match="none of its 4 clips is 10 to inf s long"):
        opened(tmp_path, text, min_seconds=10.0)


def test_a_manifest_of_nonsense(tmp_path):
    with pytest.raises(DataError, match=r"2 of 2 .*line 1: no 'path'; columns here are a"):
        opened(tmp_path, json.dumps({"a": 1}) + "\n" + json.dumps({"b": 1}), name="cuts.jsonl")
