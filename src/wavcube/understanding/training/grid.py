"""The learning-rate grid: one run a rate, in parallel processes; the best on dev is taken."""

import contextlib
import json
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from wavcube.understanding.training.trainer import Run, Trained, train


def run_of(run: Run, learning_rate: float) -> Run:
    """The same run at another learning rate, in its own folder."""
    recipe = replace(run.recipe, learning_rate=learning_rate)
    return replace(run, recipe=recipe, folder=run.folder / f"lr-{learning_rate:g}")


def search(run: Run, learning_rates: Sequence[float], jobs: int = 1, progress: bool = False) -> list[Trained]:
    """Train at each learning rate; the best on dev comes first.

    Args:
        run: what to train; its folder holds a folder for each rate.
        learning_rates: to try.
        jobs: processes at a time; the processor's threads are shared out among them.
        progress: whether to show a bar for each rate.
    """
    runs = [run_of(run, rate) for rate in learning_rates]
    with watched(runs) if progress else contextlib.nullcontext():
        trained = _in_processes(runs, jobs) if jobs > 1 and len(runs) > 1 else [train(run) for run in runs]
    measure = run.task.measures[0]
    sign = -1.0 if measure.more_is_better else 1.0
    # Of equal dev figures the smaller rate is taken: the choice does not depend on the order given.
    return sorted(trained, key=lambda t: (sign * t.dev[measure.name], t.learning_rate))


def _in_processes(runs: Sequence[Run], jobs: int) -> list[Trained]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")  # a forked torch with threads hangs
    with ProcessPoolExecutor(jobs, context, start_worker, (threads,)) as pool:
        try:
            return list(pool.map(train, runs))
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():  # or they would be waited for
                worker.terminate()
            raise


def start_worker(threads: int) -> None:
    """Share out the processor, and end when the parent does: what it leaves behind would train beside its successor."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def watched(runs: Sequence[Run]) -> Iterator[None]:
    """Show a bar for each run, fed by what the runs leave in their folders."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from wavcube.progress import Progress

    measure = runs[0].task.measures[0]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    ended = threading.Event()
    with Progress(*columns, TextColumn("{task.fields[dev]}")) as bar:
        tasks = [
            bar.add_task(
                f"{run.task.name} {run.corpus.name} lr {run.recipe.learning_rate:g}", total=run.recipe.steps, dev=""
            )
            for run in runs
        ]

        def look() -> None:
            for task, run in zip(tasks, runs, strict=True):
                state = _progress(run.folder)
                if state:
                    best = state["best"].get(measure.name)
                    dev = "" if best is None else f"dev {measure.heading} {best:.{measure.decimals}f}"
                    bar.update(task, completed=state["step"], dev=dev)

        def watch() -> None:
            while not ended.wait(0.5):
                look()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            look()


def _progress(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
