"""Finished measurements on disk: whatever ends a run, what was measured before is kept, and found again."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wavcube.data.clip import Clip, part_name
from wavcube.errors import DataError
from wavcube.evaluation.metric import FAILED, Measurement, Metric
from wavcube.evaluation.systems.base import System
from wavcube.hashing import digest, fingerprint_file


@dataclass(frozen=True)
class Task:
    """One metric on one utterance of one system.

    Its key is a digest of the recording, the system's weights and the metric's settings: whatever changes the number
    changes the key, so that results of different things never mix.
    """

    utterance: str
    system: str
    metric: str
    key: str


def make_tasks(utterance: Clip, systems: Sequence[System], metrics: Sequence[Metric]) -> dict[tuple[str, str], Task]:
    """All tasks of an utterance, by system and metric. Reads its file, and those of systems that are files."""
    recording, tasks = recording_fingerprint(utterance), {}
    for system in systems:
        made = system.fingerprint_for(utterance.name)
        for metric in metrics:
            parts = [utterance.name, recording, made, metric.fingerprint()]
            key = digest("\n".join(parts))
            tasks[system.name, metric.name] = Task(utterance.name, system.name, metric.name, key)
    return tasks


def recording_fingerprint(utterance: Clip) -> str:
    """Digest of a recording's file, of the part that is taken, the transcript and the language."""
    part = f"{part_name('', utterance.start, utterance.seconds)} " if utterance.start is not None else ""
    return f"{part}{fingerprint_file(utterance.path)} {utterance.language} {utterance.transcript}"


class ResultStore:
    """Measurements in a file of JSON lines that only ever grows.

    A line is on the disk before its task counts as done. Lines that a kill cut short are left out on reading.

    Args:
        path: of the file; made if it is not there.

    Raises:
        DataError: the file holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._done: dict[str, Measurement] = {}
        if path.exists():
            self._read()
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, task: Task) -> bool:
        return task.key in self._done

    def __getitem__(self, task: Task) -> Measurement:
        return self._done[task.key]

    def add(self, results: Iterable[tuple[Task, Measurement]]) -> None:
        """Keep finished tasks; returns once they are on the disk."""
        lines = []
        for task, measurement in results:
            self._done[task.key] = measurement
            named = {"key": task.key, "utterance": task.utterance, "system": task.system, "metric": task.metric}
            lines.append(json.dumps(named | vars(measurement), ensure_ascii=False) + "\n")
        self._file.write("".join(lines).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        content = self.path.read_bytes()
        *lines, rest = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                measurement = Measurement(row["values"], row["undefined"], row["notes"])
                # What failed unforeseen (memory, a broken package) may work by now.
                if not any(reason.startswith(FAILED) for reason in measurement.undefined.values()):
                    self._done[row["key"]] = measurement
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(f"{self.path}, line {number}: is not a measurement; name another folder") from error
        if rest:
            # The next line must not continue this one.
            with self.path.open("r+b") as file:
                file.truncate(len(content) - len(rest))
