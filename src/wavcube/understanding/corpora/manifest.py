"""Lists of one's own recordings, with a split and labels on each row."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavcube.data.clip import Clip
from wavcube.data.manifest import check_listed_once, check_names, clip_of_row
from wavcube.data.rows import TABLES, read_rows
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Example, some


def is_manifest(data: Path) -> bool:
    """Whether `data` is a list of one's own recordings, not an official corpus."""
    return data.suffix.lower() in TABLES


@dataclass(frozen=True)
class ManifestRow:
    """A row of one's own list: its cells by column, and the recording, or part of one, that they are about."""

    cells: dict[str, str]
    clip: Clip

    def example(self, target: Any) -> Example:
        """The example of this recording and a target."""
        return Example(self.clip, target, self.cells.get("speaker") or None)


def read_manifest(manifest: Path, columns: Iterable[str]) -> dict[str, list[ManifestRow]]:
    """Rows of a list by split; see `wavcube.data.manifest.iterate_clips` for its kinds and for the columns of paths and
    times.

    A column `split` (train, dev or test) is always there; `columns` are those that the task needs besides.

    Raises:
        DataError: no such file, columns that lack, another split, or a recording that is listed twice.
    """
    if not manifest.is_file():
        raise DataError(f"{manifest}: no such manifest")
    splits: dict[str, list[ManifestRow]] = {"train": [], "dev": [], "test": []}
    for line, row in read_rows(manifest):
        lacking = [name for name in ("path", "split", *columns) if name not in row]
        if lacking:
            raise DataError(f"{manifest}: no column {some(lacking)}; there are {some(row or ['none'], 9)}")
        split = row["split"]
        if split not in splits:
            raise DataError(f"{manifest}, line {line}: split is {split!r}, not train, dev or test")
        for name in columns:
            if not row[name]:
                raise DataError(f"{manifest}, line {line}: {row['path']} has no {name}")
        splits[split].append(ManifestRow(row, clip_of_row(manifest, line, row, manifest.parent)))
    clips = [row.clip for rows in splits.values() for row in rows]
    check_listed_once(clips, manifest)
    check_names(clips, manifest)
    return splits
