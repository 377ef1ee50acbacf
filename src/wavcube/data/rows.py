"""Lists of recordings on disk -> rows: tables (TSV, CSV, Parquet), JSON, JSON lines, and one path a line; and the way
back, as TSV."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from wavcube.errors import DataError, MissingDependencyError
from wavcube.files import atomic_path

Row = dict[str, str]
"""The cells of a row by column; "" where a cell is empty."""

TABLES = frozenset({".tsv", ".csv", ".jsonl", ".json", ".parquet"})
"""The suffixes of lists whose rows have several columns."""

NEMO_PATH = "audio_filepath"
"""The column that holds the path in manifests of NeMo's."""

CUT_ID = "cut_id"
"""The column that holds the name of a cut or recording of Lhotse's."""


def read_rows(path: Path, column: str = "path") -> Iterator[tuple[int, Row]]:
    """The rows of a list with the numbers of their lines, one after another.

    The kind of list is known by its suffix: .tsv and .csv have a header, .jsonl an object on each line, .json the same
    or one list of objects, .parquet columns; any other file has one path on each line, which becomes the cell `column`.
    In a .tsv quotes have no meaning: a transcript may begin with one.

    Raises:
        DataError: the list cannot be read, or a row is malformed.
        MissingDependencyError: a Parquet file, and pyarrow is not installed.
    """
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            if kind in {".tsv", ".csv"}:
                yield from _table_rows(path, file)
            elif kind == ".jsonl":
                yield from _json_rows(path, file)
            elif kind == ".json":
                text = file.read()
                yield from (
                    _json_list(path, text) if text.lstrip()[:1] == "[" else _json_rows(path, iter(text.splitlines()))
                )
            else:
                yield from ((n, {column: line.strip()}) for n, line in enumerate(file, 1) if line.strip())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(_not_utf8(path, error)) from error
    except csv.Error as error:
        raise DataError(f"{path}: is no well-formed table ({error})") from error


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, without the byte order mark that some editors put before it.

    Raises:
        DataError: it cannot be read, or is in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(_not_utf8(path, error)) from error


def json_row(line: str | bytes) -> Row:
    """The row of a JSON object: as it is, or, of a cut or recording of Lhotse's, its path, part, words and speaker.

    Raises:
        ValueError, KeyError, IndexError, TypeError, AttributeError: it is something else.
    """
    return row_of(json.loads(line))


def row_of(entry: dict[str, Any]) -> Row:
    """`json_row` of a parsed line."""
    if not isinstance(entry, dict):
        raise TypeError("is not a JSON object with a 'path'")
    if "recording" not in entry and "sources" not in entry:
        return _of_nemo(scalars(entry))
    recording = entry.get("recording", entry)
    source = recording["sources"][0]
    if source.get("type", "file") != "file":
        raise ValueError(f"its source is of the type {source['type']!r}; only files can be read")
    supervision = (entry.get("supervisions") or [{}])[0]
    custom = scalars(supervision.get("custom") or {}) | scalars(entry.get("custom") or {})
    cell = custom | scalars(supervision) | scalars(entry)
    for name in ("type", "id", "recording_id"):
        cell.pop(name, None)
    # A cut is a part of its recording, a recording by itself is whole.
    if "recording" in entry:
        cell["start"] = str(float(entry.get("start", 0.0)))
    else:
        cell.pop("start", None)
    channel = entry.get("channel")
    cell["channel"] = str(channel) if isinstance(channel, int) else ""
    cell["transcript"] = cell.pop("text", "")
    cell[CUT_ID] = str(entry["id"])
    return cell | {"path": source["source"], "duration": str(float(entry["duration"]))}


def _of_nemo(row: Row) -> Row:
    """A row of NeMo's with the columns that the others have: `audio_filepath` is the path, `offset` the start."""
    if "path" in row or NEMO_PATH not in row:
        return row
    names = {NEMO_PATH: "path", "offset": "start"}
    return {names.get(name, name): cell for name, cell in row.items()}


def scalars(entry: dict[str, Any]) -> Row:
    """The cells of an object: what it holds but lists and objects, as text."""
    kept = ((key, value) for key, value in entry.items() if not isinstance(value, dict | list))
    return {str(key): "" if value is None else str(value) for key, value in kept}


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a .tsv that `read_rows` reads; it appears whole.

    Raises:
        DataError: a cell holds a tab or a line break, or the disk refuses.
    """
    lines = [header, *rows]
    for cell in (cell for line in lines for cell in line):
        if any(character in cell for character in "\t\r\n"):
            raise DataError(f"{path}: {cell[:60]!r} holds a tab or a line break, which a table cannot")
    try:
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines("\t".join(line) + "\n" for line in lines)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def _table_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    if path.suffix.lower() == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines)
    header = next(reader, [])
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            raise DataError(
                f"{path}, line {reader.line_num}: does not have as many cells as the header, {len(cells)} for "
                f"{len(header)}"
            )
        yield reader.line_num, dict(zip(header, cells, strict=True))


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: is not JSON ({error.msg})") from error
            yield number, _checked(path, number, entry)


def _json_list(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: is not JSON ({error.msg})") from error
    for number, entry in enumerate(entries, 1):
        yield number, _checked(path, number, entry)


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingDependencyError(f'{path}: Parquet needs pyarrow: pip install "wavcube[eval]"') from error
    try:
        batches = ParquetFile(path).iter_batches()
        for number, entry in enumerate((row for batch in batches for row in batch.to_pylist()), 1):
            yield number, _checked(path, number, entry)
    except ArrowException as error:
        raise DataError(f"{path}: is no readable Parquet file ({str(error).splitlines()[0]})") from error


def _checked(path: Path, number: int, entry: Any) -> Row:
    try:
        return row_of(entry)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"{path}, line {number}: {what_is_wrong(error)}") from error


def what_is_wrong(error: Exception) -> str:
    """The end of a sentence on a JSON object that `row_of` refused."""
    if isinstance(error, TypeError) and error.args and str(error.args[0]).startswith("is not"):
        return str(error.args[0])
    return (
        "is no cut or recording with `sources` and `duration`, nor a row with a `path` "
        f"({type(error).__name__}: {error})"
    )


def _not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"{path}: is text in UTF-16; save it as UTF-8"
    return f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start})"
