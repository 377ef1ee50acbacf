"""Hugging Face datasets on disk: Parquet or Arrow files in which a column holds recordings as they were encoded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavcube.data.clip import Clip
from wavcube.data.config import SourceConfig
from wavcube.data.rows import scalars
from wavcube.data.streaming.webdataset import find_shards, is_remote, open_stream
from wavcube.errors import DataError, MissingDependencyError

TABLE_SUFFIXES = (".parquet", ".arrow")

_TEXTS = ("transcript", "text", "transcription", "sentence")  # the last two are FLEURS' and Common Voice's
_ROWS = 64  # in memory at once


@dataclass(frozen=True)
class TableShard:
    """One Parquet or Arrow file; `name` is its path or URL."""

    name: str

    def read(self) -> Iterator[Clip]:
        """Yield a clip for every row.

        Raises:
            DataError: the file is damaged, or no column holds recordings.
        """
        number = 0
        for batch in self._batches():
            column = audio_column(batch.schema)
            if column is None:
                raise DataError(f"{self.name}: no column holds recordings (a struct of 'bytes' and 'path')")
            for row in batch.to_pylist():
                yield self._clip(number, row, row.pop(column) or {})
                number += 1

    def _batches(self) -> Iterator[Any]:
        pyarrow = _import_pyarrow()
        with open_stream(self.name) if is_remote(self.name) else open(self.name, "rb") as file:
            try:
                if self.name.endswith(".arrow"):
                    yield from _pieces(pyarrow.ipc.open_stream(file))
                else:
                    yield from pyarrow.parquet.ParquetFile(file).iter_batches(_ROWS)
            except pyarrow.ArrowException as error:
                raise DataError(f"{self.name}: is damaged or cut short ({str(error).splitlines()[0]})") from error

    def _clip(self, number: int, row: dict[str, Any], audio: dict[str, Any]) -> Clip:
        name = f"{Path(self.name).stem}/{number:06d}"
        columns = scalars({key: value for key, value in row.items() if not isinstance(value, bytes)})
        words = next((columns.pop(column) for column in _TEXTS if column in columns), "")
        content, path = audio.get("bytes"), audio.get("path") or ""
        beside = Path(os.path.dirname(self.name), path)  # an absolute path stays as it is
        return Clip(
            name,
            Path(name) if content is not None else beside,
            transcript=words.strip() or None,
            language=columns.get("language") or "en",
            columns=columns,
            audio=content if content is not None or path else b"",
        )


def find_table_shards(source: SourceConfig) -> list[TableShard]:
    """List the Parquet or Arrow files in a folder and those below it, or that a path with braces or wildcards names.

    Raises:
        DataError: there are none.
    """
    _import_pyarrow()
    folder = Path(source.path)
    if not folder.is_dir():
        return [TableShard(name) for name in find_shards(source.path)]
    # `Dataset.map` leaves caches beside the data of `save_to_disk`.
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in TABLE_SUFFIXES]
    found = [path for path in found if not path.name.startswith(("cache-", "tmp", "."))]
    if not found:
        raise DataError(f"{folder}: holds no Parquet or Arrow files")
    return [TableShard(os.fspath(path)) for path in found]


def holds_recordings(path: Path) -> bool:
    """Whether a folder is a data set of Hugging Face's with encoded audio, or a Parquet file a part of one."""
    if path.is_dir():
        if any(path.glob("*.arrow")) or (path / "dataset_dict.json").is_file():
            return True
        first = next((file for pattern in ("*.parquet", "data/*.parquet") for file in sorted(path.glob(pattern))), None)
    else:
        first = path
    if first is None:
        return False
    pyarrow = _import_pyarrow()
    try:
        return audio_column(pyarrow.parquet.read_schema(first)) is not None
    except (pyarrow.ArrowException, OSError):
        return False


def audio_column(schema: Any) -> str | None:
    """The column that holds recordings, as `datasets.Audio` stores them."""
    for field in schema:
        inner = {field.type.field(i).name for i in range(field.type.num_fields)} if field.type.num_fields else set()
        if {"bytes", "path"} <= inner:
            return str(field.name)
    return None


def _pieces(batches: Any) -> Iterator[Any]:
    """Record batches, few rows at a time."""
    for batch in batches:
        for first in range(0, batch.num_rows, _ROWS):
            yield batch.slice(first, _ROWS)


def _import_pyarrow() -> Any:
    try:
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            'data sets of Hugging Face need pyarrow; install it with pip install "wavcube[eval]"'
        ) from error
    return pyarrow
