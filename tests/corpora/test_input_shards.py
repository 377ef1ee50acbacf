"""Inputs as shards: streams that break off, and what makes a shard another one."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from tests.corpora.conftest import Encoder, contents
from wavcube.corpora.input_shards import input_shards
from wavcube.errors import AudioError, ConfigError, DataError


def test_a_stream_that_breaks_off_fails_its_shard(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for path in write_tones(4):
            tar.add(path, path.name)
    content = (tmp_path / "s.tar").read_bytes()
    for cut in (len(content) // 2, len(content) // 2 // 512 * 512):
        (tmp_path / "s.tar").write_bytes(content[:cut])
        [shard] = input_shards([str(tmp_path / "s.tar")])
        with pytest.raises(DataError, match=r"s\.tar: cannot be read to its end"):
            encoder()(shard)
    [shard] = input_shards([f"pipe:cat {tmp_path}/s.tar; exit 3"])
    with pytest.raises(DataError, match="cannot be read to its end"):
        encoder()(shard)
    assert contents(tmp_path / "out") == {}


def test_slices_are_closed_at_hours_where_the_list_has_durations(tmp_path: Path) -> None:
    rows = [{"path": f"{n}.wav", "duration": 7_200} for n in range(12)]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shards = list(input_shards([str(tmp_path / "list.jsonl")], size=7))
    assert [(shard.number, len(shard.clips)) for shard in shards] == [(0, 5), (1, 5), (2, 2)]
    assert shards[1].name == "list.jsonl[5:10]"


def test_what_a_shard_consists_of(write_tones, tmp_path: Path) -> None:
    write_tones(2)
    table = tmp_path / "list.csv"

    def digest(words: str) -> str:
        table.write_text(f"path,text\nclips/clip0000.flac,{words}\nclips/clip0001.flac,b\n")
        [shard] = input_shards([str(table)])
        return shard.digest()

    first = digest("a")
    assert digest("a") == first
    assert digest("other words") != first
    (tmp_path / "clips/clip0001.flac").touch()
    assert digest("a") != first


def test_cuts_of_lhotse(write_tones, tmp_path: Path) -> None:
    pytest.importorskip("lhotse")
    [path] = write_tones(1)
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0], "source": str(path)}]}
    recording |= {"sampling_rate": 16_000, "num_samples": 9_600, "duration": 0.6}
    cut = {"id": "c", "start": 0.2, "duration": 0.3, "channel": 0, "recording": recording, "supervisions": []}
    with gzip.open(tmp_path / "cuts.jsonl.gz", "wt") as file:
        file.write(json.dumps({**cut, "type": "MonoCut"}) + "\n")
    [shard] = input_shards([str(tmp_path / "cuts.jsonl.gz")])
    [clip] = shard.read()
    assert (clip.name, clip.start, clip.seconds) == ("c", 0.2, 0.3)


def test_what_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        list(input_shards([str(tmp_path / "none.tsv")]))
    with pytest.raises(AudioError, match="no audio file matches"):
        list(input_shards([str(tmp_path / "none*")]))
    with pytest.raises(ConfigError, match="1 or more"):
        list(input_shards([str(tmp_path)], size=0))
    with pytest.raises(DataError, match="--filter chooses rows"):
        list(input_shards(["pipe:cat none.tar"], {"a": "b"}))
