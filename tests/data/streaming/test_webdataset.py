"""Tar shards: what stands beside a recording, and tars that are not whole."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from wavcube.data.config import SourceConfig
from wavcube.data.streaming.webdataset import TarShard, find_tar_shards
from wavcube.errors import DataError

pytest.importorskip("webdataset")


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for number in range(3):
            add(tar, f"u{number}.flac", b"sound" * 3000)
            add(tar, f"u{number}.txt", b"some words\n")
            add(tar, f"u{number}.json", json.dumps({"speaker": "s", "language": "de", "all": [1]}).encode())
    return tmp_path / "s.tar"


def test_words_and_columns_come_with_the_recording(shard: Path) -> None:
    clips = list(TarShard(str(shard)).read())
    assert [clip.name for clip in clips] == ["s.tar/u0", "s.tar/u1", "s.tar/u2"]
    assert {(clip.transcript, clip.language, clip.columns["speaker"]) for clip in clips} == {("some words", "de", "s")}
    assert all(clip.audio == b"sound" * 3000 and "all" not in clip.columns for clip in clips)


def test_a_tar_that_ends_between_two_members_is_no_shorter_tar(shard: Path) -> None:
    content = shard.read_bytes()
    with tarfile.open(shard) as tar:
        second = next(member.offset for member in tar if member.name == "u1.flac")
    for end in (second, second + 100):
        shard.write_bytes(content[:end])
        with pytest.raises(DataError, match="cut short"):
            list(TarShard(str(shard)).read())


def test_a_damaged_header_in_the_middle_is_no_end(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    with tarfile.open(shard) as tar:
        second = next(member.offset for member in tar if member.name == "u2.flac")
    content[second : second + 512] = b"x" * 512
    shard.write_bytes(content)
    with pytest.raises(DataError, match="damaged at byte"):
        list(TarShard(str(shard)).read())


def test_a_command_that_fails_at_its_end_is_an_error(shard: Path) -> None:
    assert len(list(TarShard(f"pipe:cat {shard}").read())) == 3
    with pytest.raises(DataError, match="its command ended with exit code 7"):
        list(TarShard(f"pipe:cat {shard}; exit 7").read())


def test_urls_of_other_kinds_go_through_fsspec(shard: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://corpus/s.tar", "wb") as file:
        file.write(shard.read_bytes())
    [found] = find_tar_shards(SourceConfig("memory://corpus/s.tar"))
    assert [clip.transcript for clip in found.read()] == ["some words"] * 3
    with pytest.raises(DataError, match="cannot be read"):
        list(TarShard("memory://corpus/none.tar").read())
    with pytest.raises(DataError, match="none here"):
        list(TarShard("none here").read())
