"""Progress of long work on stderr: bars in a terminal, and where there is none a line every ten seconds."""

import threading
from typing import Any

import rich.progress
from rich.console import Console
from rich.progress import ProgressColumn

SECONDS = 10.0
"""Between two lines."""


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
                    rest = [str(text) for text in task.fields.values() if text]
                    line = f"{task.description} {task.completed:g}{of}"
                    self.console.print("; ".join([line, *rest]), markup=False, highlight=False, soft_wrap=True)
