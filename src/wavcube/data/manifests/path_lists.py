"""Folders of audio, and lists of paths: one path a line, or a TSV or CSV table."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from wavcube.audio.io import AUDIO_SUFFIXES
from wavcube.data.config import SourceConfig
from wavcube.data.manifests.clip_table import ClipTable
from wavcube.errors import DataError
from wavcube.files import find_files

_SECONDS_COLUMNS = ("seconds", "duration")


def read_folder(source: SourceConfig) -> ClipTable:
    """List every recording below a folder, sorted by path.

    Raises:
        DataError: there is none.
    """
    table = ClipTable()
    for file in find_files([source.path], AUDIO_SUFFIXES, "audio", DataError):
        table.add(os.fspath(file.path))
    return table


def read_list(source: SourceConfig) -> ClipTable:
    """Read a list of recordings.

    A `.tsv` or `.csv` file has a header; the column `source.column` holds the paths, and a column `seconds` or
    `duration` the durations, if there is one. Any other file has one path a line. Relative paths are below
    `source.root`, or else below the list's folder.

    Raises:
        DataError: the list cannot be read, has no such column, is empty, or names a recording twice.
    """
    path = Path(source.path)
    root = source.root or os.fspath(path.parent)
    table = ClipTable()
    first_line: dict[int, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _table_rows(source, file) if path.suffix.lower() in {".tsv", ".csv"} else _plain_rows(source, file)
            for number, name, seconds in rows:
                key = hash(name)  # not the name: of millions of lines only numbers are held
                if key in first_line:
                    raise DataError(f"{path}, line {number}: {name} is already on line {first_line[key]}; list it once")
                first_line[key] = number
                table.add(os.path.join(root, name), seconds=seconds)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no list in UTF-8 ({error.reason} at byte {error.start})") from error
    except csv.Error as error:
        raise DataError(f"{path}: is no well-formed table ({error})") from error
    if not table:
        raise DataError(f"{path}: the list is empty" if not source.where else f"{path}: no row has {source.where}")
    return table


def _plain_rows(source: SourceConfig, lines: Iterator[str]) -> Iterator[tuple[int, str, float | None]]:
    if source.where:
        raise DataError(f"{source.path}: `where` chooses rows of TSV and CSV tables; this list has no columns")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line.strip(), None


def _table_rows(source: SourceConfig, lines: Iterator[str]) -> Iterator[tuple[int, str, float | None]]:
    if source.path.lower().endswith(".tsv"):
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines)
    header = next(reader, [])
    for name in (source.column, *source.where):
        if name not in header:
            raise DataError(f"{source.path}: has no column {name!r}; its columns are {', '.join(header) or 'none'}")
    path_column = header.index(source.column)
    allowed = [(header.index(name), set(values.split("|"))) for name, values in source.where.items()]
    seconds_column = next((header.index(name) for name in _SECONDS_COLUMNS if name in header), None)
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(
                f"{source.path}, line {reader.line_num}: has {len(row)} columns, the header has {len(header)}"
            )
        if not all(row[column] in values for column, values in allowed):
            continue
        yield reader.line_num, row[path_column], _seconds(source.path, reader.line_num, row, seconds_column)


def _seconds(path: str, line: int, row: list[str], column: int | None) -> float | None:
    if column is None or not row[column]:
        return None
    try:
        return float(row[column])
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {row[column]!r} is no number of seconds") from error
