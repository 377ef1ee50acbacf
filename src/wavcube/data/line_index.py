"""Random access into a text file of millions of lines, in constant memory.

Beside `cuts.jsonl` lies `cuts.jsonl.idx`, a NumPy file of int64: the size and the modification time (ns) of the list it
was made for, then the byte offset of every line, then the offset of the end. It is mapped, not read: only the pages in
use are in memory, and all processes of a machine share them.
"""

import json
import logging
import os
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wavcube.errors import DataError
from wavcube.files import atomic_path

logger = logging.getLogger(__name__)

_HEADER = 2  # size and modification time


class LineIndex:
    """The lines of a file by number, without their line ends; empty lines do not count.

    The index is read from the file beside the list, or made first if there is none or the list has changed since.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._open()

    def _open(self) -> None:
        index = _load(self.path)
        self._offsets = build_index(self.path) if index is None else index
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error

    def __len__(self) -> int:
        return self._offsets.size - _HEADER - 1

    def __getitem__(self, index: int) -> bytes:
        place = _HEADER + range(len(self))[index]
        begin, end = int(self._offsets[place]), int(self._offsets[place + 1])
        # pread leaves the file position alone, which forked workers share.
        return os.pread(self._file.fileno(), end - begin, begin).strip()

    def __getstate__(self) -> Path:
        return self.path

    def __setstate__(self, path: Path) -> None:
        self.path = path
        self._open()


def index_path(path: Path) -> Path:
    """Return where the index of a list lies."""
    return path.with_name(path.name + ".idx")


def build_index(path: Path, progress: Callable[[int], None] | None = None) -> np.ndarray:
    """Find the lines of a list and write its index beside it; in a folder that cannot be written to it stays in memory.

    Args:
        path: the list.
        progress: called now and then with the number of bytes that have been read.

    Raises:
        DataError: the list cannot be read, is empty, or holds a line twice.
    """
    folder = os.path.abspath(path.parent)
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            offsets, hashes, position = array("q"), array("q"), 0
            for line in file:
                if not line.isspace():
                    offsets.append(position)
                    hashes.append(hash(_content(line, folder)))
                position += len(line)
                if progress is not None and len(offsets) % 10_000 == 0:
                    progress(position)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not offsets:
        raise DataError(f"{path}: holds no lines")
    offsets.append(position)
    index = np.concatenate([[before.st_size, before.st_mtime_ns], np.frombuffer(offsets, np.int64)])
    _refuse_repeats(path, index[_HEADER:], np.frombuffer(hashes, np.int64))
    try:
        # Several processes may do this at once: each writes a file of its own, and all of them are the same.
        with atomic_path(index_path(path)) as temporary, temporary.open("wb") as file:
            np.save(file, index)
    except OSError as error:
        logger.warning(
            "%s cannot be written (%s): the index of the list is made anew in every run",
            index_path(path),
            error.strerror,
        )
    return index


def _load(path: Path) -> np.ndarray | None:
    try:
        index = np.load(index_path(path), mmap_mode="r")
        now = path.stat()
    except (OSError, ValueError, EOFError):
        return None
    fits = index.ndim == 1 and index.dtype == np.int64 and index.size > _HEADER + 1
    return index if fits and (int(index[0]), int(index[1])) == (now.st_size, now.st_mtime_ns) else None


def _refuse_repeats(path: Path, offsets: np.ndarray, hashes: np.ndarray) -> None:
    order, folder = np.argsort(hashes, kind="stable"), os.path.abspath(path.parent)
    same = np.flatnonzero(np.diff(hashes[order]) == 0)
    with path.open("rb") as file:
        for place in same:
            first, second = int(order[place]), int(order[place + 1])
            lines = [
                os.pread(file.fileno(), int(offsets[i + 1] - offsets[i]), int(offsets[i])) for i in (first, second)
            ]
            if _content(lines[0], folder) == _content(lines[1], folder):
                example, other = (line.strip()[:80].decode(errors="replace") for line in lines)
                again = "" if example == other else f" and again as {other!r}"
                raise DataError(
                    f"{path}: {same.size} lines are there twice, for example the one that begins {example!r}{again}; "
                    "remove the repetitions, for example with `sort -u`"
                )


def _content(line: bytes, folder: str) -> bytes | tuple[str, ...]:
    """What a line of a list in `folder` names, however its path is spelt: cuts, which are long, as they are written."""
    line = line.strip()
    if b'"path"' in line and b'"sources"' not in line:
        try:
            row = json.loads(line)
            return os.path.normpath(os.path.join(folder, row["path"])), str(row.get("start")), str(row.get("end"))
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # no row: whoever reads the line says so
    return line
