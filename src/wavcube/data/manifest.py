"""The one reader of data: a folder, a list of paths, a table, JSON lines or a Lhotse manifest -> clips."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wavcube.audio.io import AUDIO_SUFFIXES, is_audio
from wavcube.data.clip import Clip, part_name, with_seconds
from wavcube.data.lhotse_cuts import read_lhotse
from wavcube.data.librispeech import is_transcript, read_transcripts, speaker_of
from wavcube.data.rows import CUT_ID, Row, read_rows
from wavcube.data.stored_latents.clips import is_latent_corpus, latent_clips
from wavcube.errors import DataError
from wavcube.files import find_files

TRANSCRIPT_COLUMNS = ("transcript", "text")
SECONDS_COLUMNS = ("seconds", "duration")

Where = Mapping[str, str]
"""Which clips to keep: {column: value}, {column: "value|value"} for either, {column: "!value|value"} for neither; all
columns must match."""

LONGEST_LIST = 3
"""How many offenders an error names before it only counts."""


def parse_filters(filters: Iterable[str]) -> dict[str, str]:
    """`COLUMN=VALUE` or `COLUMN=VALUE|VALUE`, as on the command line, as a `Where`; of one column twice, either value.

    Raises:
        DataError: a filter without `=`.
    """
    where: dict[str, str] = {}
    for text in filters:
        column, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"filter {text!r} should be COLUMN=VALUE")
        if column in where and (value.startswith("!") or where[column].startswith("!")):
            raise DataError(f"filter {text!r}: {column} is filtered twice; write {column}=!VALUE|VALUE for neither")
        where[column] = f"{where[column]}|{value}" if column in where else value
    return where


def read_clips(source: str | os.PathLike[str], where: Where | None = None, limit: int | None = None) -> list[Clip]:
    """Read the clips of a folder or list, with their durations.

    A folder gives all recordings below it; where it holds LibriSpeech's `*.trans.txt` files, they give transcripts and
    speakers. A corpus of latents (`wavcube encode --to shar`) gives clips without audio. A list is any that
    `iterate_clips` reads.

    Args:
        source: the folder or list.
        where: see `Where`.
        limit: keep only the first so many, after `where`.

    Raises:
        DataError: nothing there, malformed or missing rows, files that do not exist, a recording that is listed twice,
            or a `where` that names no column or keeps nothing.
    """
    source = Path(source)
    clips = list(iterate_clips(source, where))[:limit]
    if is_latent_corpus(source):  # which holds no recordings to look for
        check_names(clips, source)
        return clips
    missing = [str(clip.path) for clip in clips if not clip.path.is_file()]
    if missing:
        raise DataError(f"{source}: {len(missing)} of {len(clips)} recordings do not exist: {some(missing)}")
    check_listed_once(clips, source)
    check_names(clips, source)
    return with_seconds(clips)


def iterate_clips(
    source: Path, where: Where | None = None, *, root: str | os.PathLike[str] = "", column: str = "path"
) -> Iterator[Clip]:
    """The clips of a folder or list, one after another; no recording is opened.

    A list is a table (.tsv, .csv, .parquet) with a column of paths, JSON lines or JSON (.jsonl, .json) of objects with
    a `path`, or of Lhotse's cuts or recordings, any other Lhotse manifest (.jsonl.gz, ...), or one path on each line.
    The columns `transcript` (or `text`), `language`, `start` and `end` (of a part, in seconds) and `seconds` (or
    `duration`) are understood, all others are kept.

    Args:
        source: the folder or list.
        where: see `Where`.
        root: what relative paths are relative to; by default the list's own folder.
        column: that holds the paths.

    Raises:
        DataError: nothing there, malformed rows, a recording that is listed twice, or a `where` that names no column or
            keeps nothing.
    """
    if not source.exists():
        raise DataError(f"{source}: no such folder or manifest")
    for _, clip in choose(_clips_of(source, Path(root) if root else source.parent, column), where, source):
        yield clip


def choose(clips: Iterable[Clip], where: Where | None, source: Path) -> Iterator[tuple[int, Clip]]:
    """The clips of a list that `where` keeps, with their places in it.

    Raises:
        DataError: the list is empty, or `where` names no column or keeps nothing.
    """
    allowed = {name: (not values.startswith("!"), set(values.removeprefix("!").split("|")))
               for name, values in (where or {}).items()}  # fmt: skip
    known: set[str] = set()
    unseen = {name for name, (wanted, _) in allowed.items() if not wanted}
    count = kept = 0
    for clip in clips:
        unseen -= clip.columns.keys()
        if all((clip.columns.get(name) in values) is wanted for name, (wanted, values) in allowed.items()):
            kept += 1
            yield count, clip
        if not kept or unseen:
            known.update(clip.columns)
        count += 1
    if not count:
        raise DataError(f"{source}: lists no recordings")
    for name in unseen if kept else set(allowed) - known:
        there = ", ".join(sorted(known)) or "none"
        raise DataError(f"{source}: no column {name!r} to filter by; there are {there}")
    if not kept:
        asked = " ".join(f"{name}={values}" for name, values in (where or {}).items())
        raise DataError(f"{source}: none of its {count} recordings match {asked}")


def clip_of_row(source: Path, line: int, row: Row, root: Path, column: str = "path") -> Clip:
    """The clip of a row of a list.

    Raises:
        DataError: it has no path, or times that are none.
    """
    columns = dict(row)
    path = columns.pop(column, "")
    if not path:
        raise DataError(f"{source}, line {line}: no {column!r}; columns here are {', '.join(columns) or 'none'}")
    # An empty cell says that the words are not known; it is not a recording without words.
    words = next((columns.pop(name) for name in TRANSCRIPT_COLUMNS if name in columns), "").replace("\ufeff", "")
    begin, end = _number(source, line, row, "start"), _number(source, line, row, "end")
    seconds = next((_number(source, line, row, name) for name in SECONDS_COLUMNS if row.get(name)), None)
    stem, suffix = os.path.splitext(os.path.normpath(path))
    name = (stem if suffix.lower() in AUDIO_SUFFIXES else stem + suffix).replace(os.sep, "/").lstrip("/")
    if begin is not None or end is not None:
        begin = begin or 0.0
        seconds = seconds if end is None else end - begin
        if begin < 0 or (seconds is not None and seconds <= 0):
            raise DataError(f"{source}, line {line}: {path} has no part from {begin:g} to {begin + (seconds or 0):g} s")
        name = part_name(name, begin, seconds)
    channel = ""
    if CUT_ID in row:
        name, channel = columns.pop(CUT_ID), columns.pop("channel", "")
    return Clip(
        name,
        Path(os.path.join(root, path)),
        begin,
        seconds,
        int(channel) if channel.isdigit() else None,
        words.strip() or None,
        row.get("language") or "en",
        columns,
    )


def check_names(clips: Iterable[Clip], source: Path) -> None:
    """Refuse two clips of one name.

    Raises:
        DataError: which, and where they are.
    """
    seen: dict[str, Path] = {}
    for clip in clips:
        if clip.name in seen:
            raise DataError(f"{source}: two recordings have the name {clip.name}: {seen[clip.name]} and {clip.path}")
        seen[clip.name] = clip.path


def check_listed_once(clips: Iterable[Clip], source: Path) -> None:
    """Refuse a recording, or a part of it, that is there twice, by whatever spelling of its path.

    Raises:
        DataError: both spellings.
    """
    seen: dict[tuple[str, float | None, float | None], Path] = {}
    for clip in clips:
        place = (os.path.realpath(clip.path), clip.start, clip.seconds if clip.is_part else None)
        if place in seen:
            raise DataError(f"{source}: {seen[place]} and {clip.path} are one recording; list it once")
        seen[place] = clip.path


def some(things: Iterable[object]) -> str:
    """The first few of a list, for an error message."""
    texts = [str(thing) for thing in things]
    return ", ".join(texts[:LONGEST_LIST]) + (", ..." if len(texts) > LONGEST_LIST else "")


def _clips_of(source: Path, root: Path, column: str) -> Iterator[Clip]:
    if is_latent_corpus(source):
        yield from latent_clips(source)
    elif source.is_dir():
        yield from _in_folder(source)
    elif source.suffix.lower() == ".gz":
        yield from read_lhotse(source, root)
    else:
        # Not paths: of millions of lines only numbers are held.
        first_line: dict[int, int] = {}
        for line, row in read_rows(source, column):
            clip = clip_of_row(source, line, row, root, column)
            key = hash((os.path.abspath(clip.path), clip.start, clip.seconds if clip.is_part else None))
            if key in first_line:
                raise DataError(
                    f"{source}, line {line}: {row[column]} is already on line {first_line[key]}; list it once"
                )
            first_line[key] = line
            yield clip


def _in_folder(folder: Path) -> Iterator[Clip]:
    found = find_files([folder], AUDIO_SUFFIXES, "audio", DataError, is_audio, is_transcript)
    words = read_transcripts(folder)
    for path in [file.path for file in found]:
        spoken = words.get(path.stem)
        columns = {} if spoken is None else {"speaker": speaker_of(path.stem)}
        name = path.relative_to(folder).with_suffix("").as_posix()
        yield Clip(name, path, transcript=spoken, columns=columns)


def _number(source: Path, line: int, row: Row, name: str) -> float | None:
    if not row.get(name):
        return None
    try:
        return float(row[name])
    except ValueError as error:
        raise DataError(f"{source}, line {line}: {row[name]!r} is no number of seconds") from error
