"""Evaluation: every system reconstructs every utterance, every metric scores it, and nothing finished is lost.

systems = [load_system("runs/small"), load_system("opus-12"), load_system("identity")]
chosen = choose_metrics(None, MetricOptions(speaker="resemblyzer"))
table = evaluate(systems, read_clips("LibriSpeech/test-clean"), chosen.metrics, "runs/evaluation")
report(table, systems, chosen, "runs/evaluation")
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wavcube.data.bucketing import batches_by_length
from wavcube.data.clip import Clip, read_clip
from wavcube.errors import AudioError, ConfigError, MissingDependencyError, WavCubeError
from wavcube.evaluation.metric import FAILED, Measurement, Metric, Recording
from wavcube.evaluation.results import ResultStore, Task, make_tasks
from wavcube.evaluation.scoring import Scores, Workers, result_of, score_utterance
from wavcube.evaluation.systems.base import EVALUATION_RATE, System
from wavcube.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

RESULTS_FILE = "measurements.jsonl"


def evaluate(
    systems: Sequence[System],
    utterances: Sequence[Clip],
    metrics: Sequence[Metric],
    folder: str | os.PathLike[str],
    *,
    processes: int = 2,
    batch_seconds: float = 60.0,
    show_progress: bool = False,
) -> "pd.DataFrame":
    """Measure all systems on all utterances, or what of it is not yet in `folder`.

    Args:
        systems: under evaluation; their names must differ.
        utterances: see `read_clips`.
        metrics: see `choose_metrics`.
        folder: keeps finished measurements in `measurements.jsonl`; a later run with the same folder continues, and
            measures anew what has changed.
        processes: workers for the small metrics; networks run in this process, on their device.
        batch_seconds: speech reconstructed at once, padding included.
        show_progress: draw a bar.

    Returns:
        A row for each utterance and system: `utterance`, `system`, `seconds`, the utterance's columns, a column for
        each quantity and count (NaN where undefined), `undefined` (why), and the metrics' notes.

    Raises:
        WavCubeError: a package is missing, a system cannot serve the utterances, two have one name, or a worker died.
    """
    _check_packages()
    _check_names(systems)
    for system in systems:
        system.check(utterances)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({error.strerror})") from error
    tasks = {u.name: make_tasks(u, systems, metrics) for u in utterances}
    with ResultStore(folder / RESULTS_FILE) as store:
        work = _Work(systems, metrics, store, tasks)
        if any(work.pending(utterance) for utterance in utterances):
            small = [metric for metric in metrics if not metric.on_device]
            with _progress(show_progress) as progress, Workers(small, processes) as workers:
                bar = progress.add_task("evaluating", total=len(utterances))
                for done in _run(work, batches(utterances, batch_seconds), workers, max(16, 4 * processes)):
                    progress.advance(bar, done)
        return _table(utterances, systems, metrics, tasks, store)


def batches(utterances: Sequence[Clip], seconds: float) -> list[list[Clip]]:
    """Utterances of like duration together, each batch at most so many seconds with its padding (or one utterance)."""
    by_name = sorted(utterances, key=lambda utterance: utterance.name)
    return batches_by_length(by_name, lambda utterance: utterance.seconds or 0.0, seconds)


@dataclass
class _Work:
    """What there is to do, and where finished things go."""

    systems: Sequence[System]
    metrics: Sequence[Metric]
    store: ResultStore
    tasks: dict[str, dict[tuple[str, str], Task]]

    def pending(self, utterance: Clip) -> dict[str, list[Metric]]:
        """Metrics still to be computed of an utterance, by system."""
        tasks = self.tasks[utterance.name]
        pending_metrics = {
            s.name: [m for m in self.metrics if tasks[s.name, m.name] not in self.store] for s in self.systems
        }
        return {system: metrics for system, metrics in pending_metrics.items() if metrics}

    def keep(self, utterance: Clip, scores: Scores) -> None:
        tasks = self.tasks[utterance.name]
        self.store.add((tasks[pair], measurement) for pair, measurement in scores.items())

    def give_up(self, utterance: Clip, system: str, metrics: Sequence[Metric], reason: str) -> None:
        """Record that nothing can be measured."""
        undefined = {m.name: Measurement(undefined={q.name: reason for q in m.quantities}) for m in metrics}
        self.keep(utterance, {(system, name): measurement for name, measurement in undefined.items()})


@dataclass
class _Decoded:
    """One utterance with what the systems made of it."""

    utterance: Clip
    original: Recording
    pending_metrics: dict[str, list[Metric]]
    reconstructions: dict[str, Recording] = field(default_factory=dict)


def _run(work: _Work, todo: Sequence[Sequence[Clip]], workers: Workers, in_flight: int) -> Iterator[int]:
    """Do all pending tasks; yields how many utterances have been finished since."""
    waiting: deque[tuple[Clip, Future[Scores]]] = deque()
    for batch in todo:
        # A batch is decoded whole even if a part of it is done: its composition must not depend on interruptions.
        decoded = _decode(work, batch)
        for item in decoded:
            small = {s: [m.name for m in metrics if not m.on_device] for s, metrics in item.pending_metrics.items()}
            small = {system: names for system, names in small.items() if names}
            if small:
                future = workers.submit(item.utterance, item.original, item.reconstructions, small)
                waiting.append((item.utterance, future))
        for item in decoded:
            large = {s: [m for m in metrics if m.on_device] for s, metrics in item.pending_metrics.items()}
            if any(large.values()):
                scores = score_utterance(item.utterance, item.original, item.reconstructions, large)
                work.keep(item.utterance, scores)
            while waiting and waiting[0][1].done():
                _keep_next(work, waiting)
        while len(waiting) > in_flight:  # bounds the memory that waiting waveforms take
            _keep_next(work, waiting)
        yield len(batch)
    while waiting:
        _keep_next(work, waiting)


def _keep_next(work: _Work, waiting: "deque[tuple[Clip, Future[Scores]]]") -> None:
    utterance, future = waiting.popleft()
    work.keep(utterance, result_of(future))


def _decode(work: _Work, batch: Sequence[Clip]) -> list[_Decoded]:
    """Load and reconstruct a batch; failures are recorded, and what failed is left out."""
    items, needed = [], {system.name for system in work.systems for u in batch if system.name in work.pending(u)}
    for utterance in batch if needed else ():
        pending_metrics = work.pending(utterance)
        try:
            items.append(_Decoded(utterance, load_original(utterance), pending_metrics))
        except AudioError as error:
            for name, metrics in pending_metrics.items():
                work.give_up(utterance, name, metrics, f"the original cannot be read: {error}")
    for system in work.systems:
        if system.name in needed and items:
            for item, result in zip(items, reconstruct(system, [item.original for item in items]), strict=True):
                if isinstance(result, Recording):
                    item.reconstructions[system.name] = result
                elif system.name in item.pending_metrics:
                    metrics = item.pending_metrics.pop(system.name)
                    work.give_up(item.utterance, system.name, metrics, result)
    return items


def load_original(utterance: Clip) -> Recording:
    """The recording of an utterance at the rate of evaluation.

    Raises:
        AudioError: it cannot be read.
    """
    return Recording(read_clip(utterance, EVALUATION_RATE), EVALUATION_RATE, utterance.name)


def reconstruct(system: System, originals: Sequence[Recording]) -> list[Recording | str]:
    """A system's reconstructions at the rate of evaluation, as long as their originals; or why there is none.

    Like a file of integers they are clipped to [-1, 1]. A batch that fails is tried one by one.
    """
    try:
        made = system.reconstruct(originals)
    except (WavCubeError, RuntimeError) as error:
        if len(originals) > 1:
            return [result for original in originals for result in reconstruct(system, [original])]
        if isinstance(error, WavCubeError):
            return [f"no reconstruction: {error}"]
        return [f"{FAILED}no reconstruction: {(str(error) or type(error).__name__).splitlines()[0]}"]
    return [_fitted(recording, original) for recording, original in zip(made, originals, strict=True)]


def _fitted(made: Recording, original: Recording) -> Recording | str:
    if made is original:
        return original
    if len(made.waveform) == 0:
        return "no reconstruction: it has no samples"
    if not np.isfinite(made.waveform).all():
        return "no reconstruction: it has NaN or infinite samples"
    made = Recording(_clipped(made.waveform), made.sample_rate, original.name, made.bits)
    waveform, length = made.at(EVALUATION_RATE), len(original.waveform)
    waveform = np.pad(waveform[:length], (0, max(0, length - len(waveform))))
    return Recording(_clipped(waveform), EVALUATION_RATE, original.name, made.bits)


def _clipped(waveform: np.ndarray) -> np.ndarray:
    return np.clip(waveform, -1, 1).astype(np.float32)


def _check_packages() -> None:
    """Hours of work must not end at a missing package."""
    missing = [
        package for package in ("matplotlib", "pandas", "pyarrow", "scipy", "threadpoolctl") if not find_spec(package)
    ]
    if missing:
        raise MissingDependencyError(f'evaluation needs {", ".join(missing)}: pip install "wavcube[eval]"')


def _check_names(systems: Sequence[System]) -> None:
    seen: set[str] = set()
    for system in systems:
        if system.name in seen:
            raise ConfigError(f"two models are called {system.name}; name one by --model LABEL={system.name}")
        seen.add(system.name)


def _table(
    utterances: Sequence[Clip],
    systems: Sequence[System],
    metrics: Sequence[Metric],
    tasks: dict[str, dict[tuple[str, str], Task]],
    store: ResultStore,
) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for utterance in utterances:
        for system in systems:
            seconds = float("nan") if utterance.seconds is None else utterance.seconds
            row: dict[str, object] = {"utterance": utterance.name, "system": system.name, "seconds": seconds}
            row |= {column: value for column, value in utterance.columns.items() if column not in row}
            row |= {q.name: float("nan") for m in metrics for q in m.quantities if not q.ratio}
            undefined: dict[str, str] = {}
            for metric in metrics:
                measurement = store[tasks[utterance.name][system.name, metric.name]]
                row |= measurement.values
                row |= measurement.notes
                undefined |= measurement.undefined
            row["undefined"] = json.dumps(undefined, ensure_ascii=False) if undefined else ""
            rows.append(row)
    return pd.DataFrame(rows)


def _progress(shown: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), disable=not shown)
