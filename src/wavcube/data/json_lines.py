"""Manifests of JSON lines (Libriheavy's, uncompressed Lhotse ones, or rows with a `path`), of any length, in constant
memory."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip
from wavcube.data.line_index import LineIndex
from wavcube.data.manifest import Where, choose, clip_of_row
from wavcube.data.rows import json_row, what_is_wrong
from wavcube.errors import DataError


class JsonLines(Sequence[Clip]):
    """The clips of a manifest, each parsed when it is asked for.

    A line is a row with a `path`, a cut, with `recording.sources[0].source`, `start` and `duration` (and `channel`, if
    it has one), or a recording by itself, with `sources` and `duration`.

    Args:
        path: of the manifest.
        root: what its paths are relative to; by default its folder.
        column: that holds the paths of rows.
        where: which clips to keep; with it every line is parsed once.

    Raises:
        DataError: the manifest cannot be read, holds a line twice, or `where` keeps nothing.
    """

    def __init__(
        self, path: Path, root: str | os.PathLike[str] = "", column: str = "path", where: Where | None = None
    ) -> None:
        self._lines = LineIndex(path)
        self._root = Path(root) if root else path.parent
        self._column = column
        self._kept: np.ndarray | None = None
        if where:
            every = (self._at(number) for number in range(len(self._lines)))
            self._kept = np.array([number for number, _ in choose(every, where, path)])

    def __len__(self) -> int:
        return len(self._lines) if self._kept is None else len(self._kept)

    def __getitem__(self, index: int) -> Clip:  # type: ignore[override]  # slices are not needed
        index = range(len(self))[index]
        return self._at(index if self._kept is None else int(self._kept[index]))

    def _at(self, number: int) -> Clip:
        path, line = self._lines.path, self._lines[number]
        try:
            row = json_row(line)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise DataError(f"{path}, line {number + 1}: {what_is_wrong(error)}") from error
        return clip_of_row(path, number + 1, row, self._root, self._column)
