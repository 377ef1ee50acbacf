"""Progress of long work on stderr: bars in a terminal, and where there is none a line every ten seconds."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import rich.progress
from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS = 10.0
"""Between two lines."""

T = TypeVar("T")


def track(values: Iterable[T], description: str, total: int | None = None, *, disable: bool = False) -> Iterator[T]:
    """The values, one after another, with progress that is gone from a terminal when they have ended."""
    with Progress(*Progress.get_default_columns(), transient=True, disable=disable) as progress:
        yield from progress.track(values, total, description=description)


@contextmanager
def stages(description: str = "") -> Iterator[Callable[[str, int, int], None]]:
    """Show one piece of work after another.

    Gives what is to be called with the name of the piece, how many of its parts are done, and how many it has.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(description, total=None)

        def report(what: str, done: int, total: int) -> None:
            if progress.tasks[0].description != what:
                progress.reset(task, description=what)
            progress.update(task, completed=done, total=total)

        yield report


def time_left(task: rich.progress.Task) -> str:
    """How long a task will still take at its present speed, such as "3 min left"; "" as long as that is not known."""
    seconds = task.time_remaining
    if seconds is None or task.finished:
        return ""
    minutes, hours = math.ceil(seconds / 60), seconds / 3600
    return f"{hours:.1f} h left" if hours >= 2 else f"{minutes} min left" if minutes > 1 else f"{seconds:.0f} s left"


class Progress(rich.progress.Progress):
    """`rich.progress.Progress` that is also of use in the log of a job.

    Args:
        columns: of the bars.
        console: by default one on stderr.
        disable: show neither bars nor lines.
    """

    def __init__(
        self, *columns: str | ProgressColumn, console: Console | None = None, disable: bool = False, **options: Any
    ) -> None:
        console = console or Console(stderr=True)
        super().__init__(*columns, console=console, disable=disable or not console.is_terminal, **options)
        self._in_lines = not disable and not console.is_terminal
        self._ended = threading.Event()

    def start(self) -> None:
        super().start()
        if self._in_lines:
            self._ended.clear()
            threading.Thread(target=self._print_lines, name="progress", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        super().stop()

    def _print_lines(self) -> None:
        while not self._ended.wait(SECONDS):
            for task in self.tasks:
                if task.visible and not task.finished:
                    of = "" if task.total is None else f" of {task.total:g}"
                    rest = [str(text) for text in (*task.fields.values(), time_left(task)) if text]
                    line = f"{task.description} {task.completed:g}{of}"
                    self.console.print("; ".join([line, *rest]), markup=False, highlight=False, soft_wrap=True)
