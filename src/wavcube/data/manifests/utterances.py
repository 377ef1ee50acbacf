"""The recordings to evaluate on: a folder, or a manifest with a column of paths and any other columns."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wavcube.audio.io import audio_info, find_audio
from wavcube.errors import AudioError, DataError, WavCubeError
from wavcube.hashing import fingerprint_file

TRANSCRIPT_COLUMNS = ("transcript", "text")
LONGEST_LIST = 3
"""How many offenders an error names before it only counts."""


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes:
        name: unique in its set: the path below the folder or manifest, without suffix.
        path: of the audio.
        columns: whatever the manifest says of it.
        transcript: what is said, if known.
        language: ISO 639-1 code.
        seconds: duration by its header; NaN if that cannot be read.
    """

    name: str
    path: Path
    columns: dict[str, str] = field(default_factory=dict)
    transcript: str | None = None
    language: str = "en"
    seconds: float = float("nan")

    def fingerprint(self) -> str:
        """Digest of the file, the transcript and the language."""
        return f"{fingerprint_file(self.path)} {self.language} {self.transcript}"


def read_utterances(
    source: str | os.PathLike[str], filters: Sequence[str] = (), limit: int | None = None
) -> list[Utterance]:
    """Read the utterances of a folder, or of a manifest.

    A folder gives all recordings below it; where it holds LibriSpeech's `*.trans.txt` files, they give transcripts and
    speakers. A manifest is a table with a header (.tsv, .csv) or JSON lines (.jsonl, .json) whose `path` is relative
    to the manifest; `transcript` (or `text`) and `language` are understood, all other columns are kept for breakdowns.

    Args:
        source: the folder or manifest.
        filters: each `COLUMN=VALUE`; the same column twice means either value, different columns must all match.
        limit: keep only the first so many, after filtering.

    Raises:
        DataError: nothing there, an unknown kind of file, malformed or missing rows, files that do not exist, or a
            filter that names no column or keeps nothing.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source}: no such folder or manifest")
    utterances = _in_folder(source) if source.is_dir() else _in_manifest(source)
    if not utterances:
        raise DataError(f"{source}: lists no recordings")
    utterances = _filtered(utterances, filters, source)[:limit]
    missing = [str(utterance.path) for utterance in utterances if not utterance.path.is_file()]
    if missing:
        raise DataError(f"{source}: {len(missing)} of {len(utterances)} recordings do not exist: {_some(missing)}")
    return [_measured(utterance) for utterance in utterances]


def paired_files(utterances: Sequence[Utterance], folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Find in `folder` the counterpart of every utterance: same name, any suffix of audio.

    The name is an utterance's path below its folder or manifest; where that gives nothing, its last part is enough.

    Raises:
        DataError: the folder is missing, some utterance has no counterpart or several, or a counterpart is of another
            duration (by more than 0.1 s).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of reconstructions")
    by_name: dict[str, list[Path]] = {}
    by_last_part: dict[str, list[Path]] = {}
    for path in find_audio(folder):
        by_name.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
        by_last_part.setdefault(path.stem, []).append(path)
    pairs, missing, unequal = {}, [], []
    for utterance in utterances:
        found = by_name.get(utterance.name) or by_last_part.get(utterance.name.rsplit("/", 1)[-1]) or []
        if len(found) > 1:
            raise DataError(f"{folder}: several files could be the reconstruction of {utterance.name}: {_some(found)}")
        if not found:
            missing.append(utterance.name)
            continue
        pairs[utterance.name] = found[0]
        seconds = _seconds(found[0])
        if abs(seconds - utterance.seconds) > LARGEST_DIFFERENCE_S:
            unequal.append(f"{found[0]} ({seconds:.2f} s for {utterance.seconds:.2f} s)")
    if missing:
        raise DataError(f"{folder}: {len(missing)} of {len(utterances)} reconstructions are missing: {_some(missing)}")
    if unequal:
        raise DataError(
            f"{folder}: {len(unequal)} reconstructions differ from their original in duration: {_some(unequal)}; "
            "are these the right files, and is the sample rate in their headers right?"
        )
    return pairs


LARGEST_DIFFERENCE_S = 0.1
"""Codecs may add or drop part of a frame at the end; more is another recording, or a wrong sample rate."""


def _in_folder(folder: Path) -> list[Utterance]:
    try:
        paths = find_audio(folder)
    except AudioError as error:
        raise DataError(str(error)) from error
    spoken = _librispeech_transcripts(folder)
    utterances = []
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        transcript = spoken.get(path.stem)
        columns = {"speaker": path.stem.split("-")[0]} if transcript is not None else {}
        utterances.append(Utterance(name, path, columns, transcript))
    return _unique(utterances, folder)


def _librispeech_transcripts(folder: Path) -> dict[str, str]:
    """`SPEAKER-CHAPTER-NUMBER` -> words, from the files that LibriSpeech keeps beside its audio."""
    spoken = {}
    for path in sorted(folder.rglob("*.trans.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, words = line.partition(" ")
            spoken[name] = words.strip()
    return spoken


def _in_manifest(manifest: Path) -> list[Utterance]:
    rows = _rows(manifest)
    utterances = []
    for number, row in rows:
        path = row.pop("path", "")
        if not path:
            raise DataError(f"{manifest}, line {number}: no 'path'; columns here are {', '.join(row) or 'none'}")
        transcript = next((row.pop(column) for column in TRANSCRIPT_COLUMNS if column in row), None)
        # An empty cell says that the words are not known; it is not a recording without words.
        name = Path(path).with_suffix("").as_posix().lstrip("/")
        language = row.get("language") or "en"
        utterances.append(Utterance(name, manifest.parent / path, row, transcript or None, language))
    return _unique(utterances, manifest)


def _rows(manifest: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and columns of each row."""
    kind = manifest.suffix.lower()
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{manifest}: cannot be read as text ({error})") from error
    if kind in {".jsonl", ".json"}:
        return [(i, _json_row(manifest, i, line)) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if kind not in {".tsv", ".csv"}:
        raise DataError(f"{manifest}: manifests are .tsv, .csv or .jsonl files, or give a folder of recordings")
    lines = io.StringIO(text, newline="")
    if kind == ".tsv":  # where quotes have no meaning: transcripts may begin with one
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(lines)
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise DataError(f"{manifest}, line {reader.line_num}: does not have as many cells as the header")
        rows.append((reader.line_num, dict(row)))
    return rows


def _json_row(manifest: Path, number: int, line: str) -> dict[str, str]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{manifest}, line {number}: is not JSON ({error.msg})") from error
    if not isinstance(row, dict):
        raise DataError(f"{manifest}, line {number}: is not a JSON object with a 'path'")
    return {str(key): "" if value is None else str(value) for key, value in row.items()}


def _unique(utterances: list[Utterance], source: Path) -> list[Utterance]:
    seen: dict[str, Path] = {}
    for utterance in utterances:
        if utterance.name in seen:
            raise DataError(
                f"{source}: two recordings have the name {utterance.name}: {seen[utterance.name]} and {utterance.path}"
            )
        seen[utterance.name] = utterance.path
    return utterances


def _filtered(utterances: list[Utterance], filters: Sequence[str], source: Path) -> list[Utterance]:
    allowed: dict[str, set[str]] = {}
    for text in filters:
        column, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"filter {text!r} should be COLUMN=VALUE")
        allowed.setdefault(column, set()).add(value)
    known = set().union(*(utterance.columns for utterance in utterances))
    for column in allowed:
        if column not in known:
            there = ", ".join(sorted(known)) or "none"
            raise DataError(f"{source}: no column {column!r} to filter by; there are {there}")
    kept = [u for u in utterances if all(u.columns.get(column) in values for column, values in allowed.items())]
    if not kept:
        raise DataError(f"{source}: none of its {len(utterances)} recordings match {' '.join(filters)}")
    return kept


def _measured(utterance: Utterance) -> Utterance:
    return replace(utterance, seconds=_seconds(utterance.path))


def _seconds(path: Path) -> float:
    try:
        return audio_info(path).seconds
    except WavCubeError:
        return float("nan")  # named with its reason when it is read


def _some(things: Iterable[object]) -> str:
    texts = [str(thing) for thing in things]
    return ", ".join(texts[:LONGEST_LIST]) + (", ..." if len(texts) > LONGEST_LIST else "")
