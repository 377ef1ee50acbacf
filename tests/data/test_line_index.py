"""The byte-offset index of a list."""

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from wavcube.data import line_index
from wavcube.data.line_index import LineIndex, build_index, index_path
from wavcube.errors import DataError


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "cuts.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"b": "\xc3\xbc"}\r\n   \n{"c": 3}')
    return path


def test_lines_by_number(listed):
    lines = LineIndex(listed)
    assert [lines[i] for i in range(len(lines))] == [b'{"a": 1}', b'{"b": "\xc3\xbc"}', b'{"c": 3}']
    assert lines[-1] == b'{"c": 3}'
    with pytest.raises(IndexError):
        lines[3]


def test_the_index_is_made_once(listed, monkeypatch):
    LineIndex(listed)
    stored = np.load(index_path(listed))
    assert stored.dtype == np.int64
    assert stored[:2].tolist() == [listed.stat().st_size, listed.stat().st_mtime_ns]
    monkeypatch.setattr(line_index, "build_index", None)  # calling it would fail
    assert len(LineIndex(listed)) == 3


def test_a_changed_list_gets_a_new_index(listed):
    LineIndex(listed)
    before = listed.stat()
    listed.write_bytes(listed.read_bytes().replace(b'\n\n{"b":', b'\n{"b": '))
    assert listed.stat().st_size == before.st_size
    os.utime(listed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert LineIndex(listed)[1].startswith(b'{"b":')
    with listed.open("ab") as file:
        file.write(b"\n{}\n")
    os.utime(listed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert len(LineIndex(listed)) == 4


@pytest.mark.parametrize("broken", [b"", b"not numpy", b"\x93NUMPY\x01\x00"])
def test_a_broken_index_is_made_anew(listed, broken):
    index_path(listed).write_bytes(broken)
    assert len(LineIndex(listed)) == 3


def test_no_half_written_index_is_left(listed, monkeypatch):
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(line_index.np, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        build_index(listed)
    assert sorted(os.listdir(listed.parent)) == ["cuts.jsonl"]


def test_a_folder_that_cannot_be_written_to(listed, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(line_index.np, "save", refuse)
    assert LineIndex(listed)[1].startswith(b'{"b"')
    assert "made anew in every run" in caplog.text


def test_it_travels_to_worker_processes(listed):
    assert pickle.loads(pickle.dumps(LineIndex(listed)))[2] == b'{"c": 3}'


def test_bad_lists(tmp_path, listed):
    with pytest.raises(DataError, match="cannot be read"):
        LineIndex(tmp_path / "gone.jsonl")
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"\n \n")
    with pytest.raises(DataError, match="holds no lines"):
        LineIndex(empty)
    listed.write_bytes(listed.read_bytes() + b'\n{"a": 1}\n')
    with pytest.raises(DataError, match=r"1 lines are there twice, .* begins '{\"a\": 1}'"):
        LineIndex(listed)


def test_lookup_needs_no_memory(tmp_path):
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"number": {number}, "text": "{"x" * 60}"}}\n' for number in range(100_000))
    LineIndex(path)
    tracemalloc.start()
    lines = LineIndex(path)
    for number in range(0, 100_000, 997):
        assert lines[number].startswith(b'{"number": %d,' % number)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 100_000  # the file has 9 MB, its offsets 0.8 MB
