"""Tars by URL and from commands: why they failed was a dump of webdataset's objects, or "damaged at byte 0"."""

import tarfile
from pathlib import Path

import pytest

from tests.data.conftest import write_tones
from wavcube.corpora.input_shards import input_shards
from wavcube.errors import DataError

__all__ = ["write_tones"]

pytest.importorskip("webdataset")


@pytest.fixture
def tar(write_tones, tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for path in write_tones(2):
            tar.add(path, path.name)
    return tmp_path / "s.tar"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("cat {tar}; exit 3", "its command ended with exit code 3"),
        ("exit 4", "its command ended with exit code 4"),
        ("sleep 0.2; exit 5", "its command ended with exit code 5"),
        ("head -c 2000 {tar}", "unexpected end of data"),
        ("head -c 2000 {tar}; yes", "the tar was cut short or is damaged at byte"),
    ],
)
def test_a_command_that_fails(tar: Path, command: str, reason: str) -> None:
    [shard] = input_shards([f"pipe:{command.format(tar=tar)}"])
    with pytest.raises(DataError) as caught:
        list(shard.read())
    assert str(caught.value).endswith(")")
    assert f"cannot be read to its end ({reason}" in str(caught.value)
    assert "bufsize" not in str(caught.value)


def test_a_server_that_does_not_answer() -> None:
    [shard] = input_shards(["http://127.0.0.1:9/s.tar"])  # the port of `discard`, on which nothing listens
    with pytest.raises(DataError, match=r"\(its server does not answer; curl ended with exit code 7\)$"):
        list(shard.read())
