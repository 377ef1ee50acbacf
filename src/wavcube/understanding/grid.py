"""The learning-rate grid: one run a rate, in parallel processes; the best on dev is taken."""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import torch

from wavcube.understanding.loop import Run, Trained, train


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
    trained = _in_processes(runs, jobs, progress) if jobs > 1 and len(runs) > 1 else _in_turn(runs, progress)
    measure = run.task.measures[0]
    sign = -1.0 if measure.more_is_better else 1.0
    # Of equal dev figures the smaller rate is taken: the choice does not depend on the order given.
    return sorted(trained, key=lambda t: (sign * t.dev[measure.name], t.learning_rate))


def _in_turn(runs: Sequence[Run], progress: bool) -> list[Trained]:
    if not progress:
        return [train(run) for run in runs]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return _watched([pool.submit(train, run) for run in runs], runs)


def _in_processes(runs: Sequence[Run], jobs: int, progress: bool) -> list[Trained]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")  # a forked torch with threads hangs
    with ProcessPoolExecutor(jobs, context, start_worker, (threads,)) as pool:
        futures = [pool.submit(train, run) for run in runs]
        return _watched(futures, runs) if progress else [future.result() for future in futures]


def start_worker(threads: int) -> None:
    """Share out the processor, and end when the parent does: what it leaves behind would train beside its successor."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _watched(futures: Sequence["Future[Trained]"], runs: Sequence[Run]) -> list[Trained]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    measure = runs[0].task.measures[0]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[dev]}")) as bar:
        tasks = [
            bar.add_task(
                f"{run.task.name} {run.corpus.name} lr {run.recipe.learning_rate:g}", total=run.recipe.steps, dev=""
            )
            for run in runs
        ]
        pending = set(futures)
        while pending:
            _, pending = wait(pending, timeout=0.5)
            for task, run in zip(tasks, runs, strict=True):
                state = _progress(run.folder)
                if state:
                    dev = f"dev {measure.heading} {state['best'][measure.name]:.{measure.decimals}f}"
                    bar.update(task, completed=state["step"], dev=dev)
            time.sleep(0.05)
    return [future.result() for future in futures]


def _progress(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
