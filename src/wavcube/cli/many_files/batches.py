"""Running over many files: reading ahead, batching by length, writing behind, skipping bad files, progress.

While the model computes batches, on a CPU several side by side, a thread reads and resamples the files to come, and
another writes the results of the batch before.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from wavcube.cli.many_files.job import Job
from wavcube.cli.many_files.plan import Plan
from wavcube.data.bucketing import BatchLimits
from wavcube.errors import WavCubeError
from wavcube.files import reason
from wavcube.progress import Progress

Content = TypeVar("Content")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Loaded(Generic[Content]):
    """A file that has been read, or the reason why it could not be."""

    job: Job
    content: Content | None
    seconds: float
    error: WavCubeError | None = None


@dataclass(frozen=True)
class Task(Generic[Content, Result]):
    """What a command does with a file.

    Attributes:
        verb: in the past tense, for the summary ("encoded").
        read: gives the content of a file and how many seconds of speech it stands for; runs in a thread.
        compute: makes the results of a batch.
        write: writes the result of one file, whole or not at all; runs in a thread.
        in_pieces: makes the result of a recording that is too long for a batch, and calls back with the share of it
            that is done, from 0 to 1; None where `compute` makes it as well, without a word.
    """

    verb: str
    read: Callable[[Job], tuple[Content, float]]
    compute: Callable[[list[Content]], Sequence[Result]]
    write: Callable[[Job, Result], None]
    in_pieces: Callable[[Content, Callable[[float], None]], Result] | None = None


def run(plan: Plan, task: Task[Any, Any], limits: BatchLimits, *, strict: bool, workers: int = 1) -> None:
    """Do all jobs of a plan. A bad file is reported on stderr and skipped; a summary on stdout ends the run.

    `workers` batches are computed side by side; of a recording that goes through in chunks, these are. Such a one has a
    bar of its own where the task tells of its pieces.

    Raises:
        WavCubeError: the first bad file's, if `strict`.
        typer.Exit: with code 1 after a run in which some file failed.
    """
    from wavcube.codec.inference.parallel import parallel_map  # here, as it imports torch

    with _Report(plan, task.verb, strict) as report, _Writer(task.write, report) as writer:
        for conflict in plan.conflicts:
            report.failed(conflict)
        for window in _windows(plan.jobs, task.read, 8 * limits.seconds * workers):
            for item in window:
                if item.error:
                    report.failed(item.error, item)
            batches = by_length([item for item in window if not item.error], limits)
            long = [batch for batch in batches if batch[0].seconds > limits.whole]
            for batch, outcome in chain(
                parallel_map(partial(_attempt_in_pieces, task, report), long, 1),
                parallel_map(partial(_attempt, task), batches[len(long) :], min(workers, len(batches) - len(long))),
            ):
                _finish(batch, outcome, task, report, writer)
    if report.failures:
        raise typer.Exit(1)


def by_length(items: list[Loaded[Content]], limits: BatchLimits) -> list[list[Loaded[Content]]]:
    """Group items of similar length, the longest first, within the limits; an item beyond them is alone."""
    return limits.batches(items, lambda item: item.seconds)


def _windows(jobs: list[Job], read: Callable[[Job], tuple[Any, float]], seconds: float) -> Iterator[list[Loaded[Any]]]:
    """Read files in a thread, so many `seconds` of audio at a time, one such window ahead of the caller."""
    waiting = iter(jobs)

    def read_window() -> list[Loaded[Any]]:
        window: list[Loaded[Any]] = []
        total = 0.0
        for job in waiting:
            try:
                window.append(Loaded(job, *read(job)))
            except Exception as error:  # whatever it is, it is this file's
                window.append(Loaded(job, None, 0.0, file_error(job, error)))
            total += window[-1].seconds
            if total >= seconds:
                break
        return window

    with ThreadPoolExecutor(1, "reader") as reader:
        ahead = reader.submit(read_window)
        while window := ahead.result():
            ahead = reader.submit(read_window)
            yield window


def _attempt(task: Task[Any, Any], batch: list[Loaded[Any]]) -> Sequence[Any] | WavCubeError:
    """The results of a batch, or why it failed as a whole."""
    import torch

    try:
        return task.compute([item.content for item in batch])
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            return file_error(batch[0].job, WavCubeError(f"out of memory with {batch[0].seconds:.0f} s of speech"))
        seconds = batch[0].seconds * len(batch)
        raise WavCubeError(f"out of memory with a batch of {seconds:.0f} s; lower --batch-seconds") from error
    except Exception as error:
        return file_error(batch[0].job, error)


def _attempt_in_pieces(
    task: Task[Any, Any], report: "_Report", batch: list[Loaded[Any]]
) -> Sequence[Any] | WavCubeError:
    """As `_attempt`, of a recording alone, with progress inside it."""
    in_pieces = task.in_pieces
    if in_pieces is None:
        return _attempt(task, batch)
    with report.inside(batch[0]) as progress:
        return _attempt(replace(task, compute=lambda contents: [in_pieces(contents[0], progress)]), batch)


def _finish(
    batch: list[Loaded[Any]],
    outcome: Sequence[Any] | WavCubeError,
    task: Task[Any, Any],
    report: "_Report",
    writer: "_Writer",
) -> None:
    """Hand a batch over to be written; where it failed as a whole, find the culprit by taking its items alone."""
    if not isinstance(outcome, WavCubeError):
        writer.write(batch, outcome)
    elif len(batch) == 1:
        report.failed(outcome, batch[0])
    else:
        for item in batch:
            _finish([item], _attempt(task, [item]), task, report, writer)


def file_error(job: Job, error: Exception) -> WavCubeError:
    """What happened to one file, in a sentence that names it; an unforeseen error with its type."""
    if isinstance(error, WavCubeError):
        named = any(str(path) in str(error) for path in (job.source, job.target))
        return error if named else type(error)(f"{job.source}: {error}")
    lines = str(error).strip().splitlines() or ["no reason given"]
    cause = reason(error) if isinstance(error, OSError) else f"{lines[0].rstrip('.')} ({type(error).__name__})"
    return WavCubeError(f"{job.source}: {cause}")


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it, unless it is there.

    Raises:
        WavCubeError: the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WavCubeError(f"{folder}: the folder cannot be made ({reason(error)})") from error


class _Writer:
    """Writes the results of a batch in a thread while the next one is computed; never more than one batch behind."""

    def __init__(self, write: Callable[[Job, Any], None], report: "_Report") -> None:
        self._write, self._report = write, report
        self._thread = ThreadPoolExecutor(1, "writer")
        self._under_way: Future[list[tuple[Loaded[Any], WavCubeError | None]]] | None = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or kind is KeyboardInterrupt:
                self._settle()
        finally:
            self._thread.shutdown()

    def write(self, batch: list[Loaded[Any]], results: Sequence[Any]) -> None:
        self._settle()
        self._under_way = self._thread.submit(self._write_all, batch, results)

    def _settle(self) -> None:
        """Wait for the batch that is being written, and report how its files fared."""
        if self._under_way is None:
            return
        outcomes, self._under_way = self._under_way.result(), None
        for item, error in outcomes:
            if error:
                self._report.failed(error, item)
            else:
                self._report.done(item)

    def _write_all(
        self, batch: list[Loaded[Any]], results: Sequence[Any]
    ) -> list[tuple[Loaded[Any], WavCubeError | None]]:
        outcomes: list[tuple[Loaded[Any], WavCubeError | None]] = []
        for item, result in zip(batch, results, strict=True):
            try:
                make_folder(item.job.target.parent)
                self._write(item.job, result)
            except Exception as error:
                outcomes.append((item, file_error(item.job, error)))
            else:
                outcomes.append((item, None))
        return outcomes


class _Report:
    """Progress and failures on stderr, the summary on stdout."""

    def __init__(self, plan: Plan, verb: str, strict: bool) -> None:
        self.failures = 0
        self._plan, self._verb, self._strict = plan, verb, strict
        self._done, self._seconds = 0, 0.0
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
        )
        self._bar = self._progress.add_task(verb, total=len(plan.jobs), rate="")

    def __enter__(self) -> "_Report":
        self._began = time.monotonic()
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._progress.stop()
        if kind is None:
            print(self._summary())
        elif kind is KeyboardInterrupt:
            self._console.print(f"interrupted: {self._summary()}; the same command goes on from here")

    @contextmanager
    def inside(self, item: Loaded[Any]) -> Iterator[Callable[[float], None]]:
        """Show the seconds of one recording that are done; gives what is to be called with their share, from 0 to 1."""
        began, size = time.monotonic(), item.seconds
        bar = self._progress.add_task(f"{item.job.source.name}: seconds", total=round(size), rate="")

        def update(share: float) -> None:
            rate = share * size / max(time.monotonic() - began, 1e-9)
            self._progress.update(bar, completed=round(share * size), rate=f"{rate:.3g} x real time")

        try:
            yield update
        finally:
            self._progress.remove_task(bar)

    def done(self, item: Loaded[Any]) -> None:
        self._done += 1
        self._seconds += item.seconds
        self._progress.update(self._bar, advance=1, rate=f"{self._rate():.3g} x real time")

    def failed(self, error: WavCubeError, item: Loaded[Any] | None = None) -> None:
        if self._strict:
            raise error
        self.failures += 1
        self._progress.console.print(f"skipped: {error}")
        if item:
            self._progress.update(self._bar, advance=1)

    def _rate(self) -> float:
        return self._seconds / max(time.monotonic() - self._began, 1e-9)

    def _summary(self) -> str:
        parts = [f"{self._verb} {self._done} {'file' if self._done == 1 else 'files'}"]
        if self._done:
            parts[0] += f", {self._seconds:.1f} s of speech at {self._rate():.3g} x real time"
        if self._plan.renewed:
            parts.append(f"{self._plan.renewed} of them anew, as the input had changed")
        if self._plan.existing:
            parts.append(f"{self._plan.existing} existed already (--overwrite makes them anew)")
        if self.failures:
            parts.append(f"{self.failures} failed")
        return "; ".join(parts)
