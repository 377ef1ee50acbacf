"""Opening every recording, several at a time, noting what is done so that an interrupted run goes on from there."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wavcube.audio.io import audio_info, load_audio
from wavcube.data.prepare.corpus import Report
from wavcube.errors import AudioError, DataError
from wavcube.files import atomic_path

_FEWEST_SECONDS = 0.025  # 400 samples at 16 kHz: what the speech encoder needs
_CHUNK = 64  # recordings a thread takes at once; what an interruption may cost


class Level(StrEnum):
    """How closely a recording is looked at: its header, or every sample."""

    header = "header"
    decode = "decode"


@dataclass(frozen=True, slots=True)
class Checked:
    """The duration of a recording, or the reason why it cannot be used ("" if it can)."""

    seconds: float
    reason: str = ""


def check_recordings(paths: Sequence[Path], level: Level, notes: Path, jobs: int, report: Report) -> list[Checked]:
    """Check recordings in `jobs` threads (libsndfile decodes outside of Python's lock).

    Args:
        notes: file that results are added to as they come. A recording that it knows, and that has not changed since,
            is not opened again. The caller removes it when its own work is done.
        report: see `Report`.

    Raises:
        DataError: the notes cannot be written.
    """
    known = _read_notes(notes, level)
    results: dict[str, Checked] = {}
    open_ones: list[tuple[str, int, int]] = []
    for path in map(os.fspath, paths):
        size, changed = _identity(path)
        if known.get(path, (None,))[:2] == (size, changed):
            results[path] = known[path][2]
        else:
            open_ones.append((path, size, changed))
    report("opening recordings", len(results), len(paths))
    chunks = [open_ones[begin : begin + _CHUNK] for begin in range(0, len(open_ones), _CHUNK)]
    try:
        # Written anew first: the last line may have been cut by a kill, and another one must not be added to it.
        with atomic_path(notes) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"level": level}) + "\n")
            file.writelines(_note(path, *values) for path, values in known.items())
        with notes.open("a", encoding="utf-8") as file, ThreadPoolExecutor(jobs) as pool:
            try:
                for chunk, checked in zip(chunks, pool.map(_check_chunk, chunks, [level] * len(chunks)), strict=True):
                    for (path, size, changed), result in zip(chunk, checked, strict=True):
                        results[path] = result
                        file.write(_note(path, size, changed, result))
                    file.flush()
                    report("opening recordings", len(results), len(paths))
            except BaseException:  # Ctrl-C above all: leave without waiting for what has not begun
                pool.shutdown(cancel_futures=True)
                raise
    except OSError as error:
        raise DataError(f"{notes}: cannot be written ({error.strerror})") from error
    return [results[os.fspath(path)] for path in paths]


def _check_chunk(chunk: list[tuple[str, int, int]], level: Level) -> list[Checked]:
    return [_check(path, level) for path, _, _ in chunk]


def _check(path: str, level: Level) -> Checked:
    try:
        info = audio_info(path)
        seconds = info.seconds
        if level is Level.decode:
            seconds = load_audio(path, info.sample_rate).size / info.sample_rate
    except AudioError as error:
        return Checked(0.0, str(error))
    if seconds < _FEWEST_SECONDS:
        return Checked(0.0, f"{path}: is too short, {seconds:.4f} s; the model needs {_FEWEST_SECONDS} s")
    return Checked(seconds)


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _note(path: str, size: int, changed: int, result: Checked) -> str:
    return json.dumps([path, size, changed, result.seconds, result.reason]) + "\n"


def _read_notes(notes: Path, level: Level) -> dict[str, tuple[int, int, Checked]]:
    known: dict[str, tuple[int, int, Checked]] = {}
    try:
        with notes.open(encoding="utf-8") as file:
            if json.loads(file.readline()) != {"level": level}:
                return {}
            for line in file:
                path, size, changed, seconds, reason = json.loads(line)
                known[path] = size, changed, Checked(seconds, reason)
    except FileNotFoundError:
        return {}
    except ValueError:
        pass  # the last line was cut by a kill; what came before it holds
    return known
