"""Logs of a run: a progress bar, TensorBoard and loss curves."""

import json
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from wavcube.audio.spectrogram import LogMel
from wavcube.engine.trainable import Measured
from wavcube.files import atomic_path
from wavcube.progress import time_left

METRICS, CURVES = "metrics.jsonl", "curves.png"


class RunLogger:
    """Writes the logs of a run; on all but the first process it does nothing.

    Scalars are kept by name, "train/mel" and the like, in TensorBoard and as lines of metrics.jsonl. A resumed run
    goes on after the step that it resumes from: what was logged beyond it is taken back.
    """

    def __init__(self, folder: Path, step: int, steps: int, active: bool) -> None:
        self.folder, self.active = folder, active
        self._plot_next = time.monotonic() + 600
        if not active:
            return
        from torch.utils.tensorboard import SummaryWriter

        _drop_after(folder / METRICS, step)
        self.board = SummaryWriter(folder / "tensorboard", purge_step=step + 1 if step else None)
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[news]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.progress.add_task(folder.name, total=steps, completed=step, news="")
        self._handler = RichHandler(console=self.console, show_path=False)

    def __enter__(self) -> Self:
        if self.active:
            logging.getLogger("wavcube").addHandler(self._handler)
            self.progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.active:
            self.progress.stop()
            self.board.close()
            self.plot_curves()
            logging.getLogger("wavcube").removeHandler(self._handler)

    def advance(self, step: int) -> None:
        if self.active:
            self.progress.update(self.task, completed=step)

    def message(self, text: str) -> None:
        if self.active:
            self.console.print(text, highlight=False, soft_wrap=True)

    def scalars(self, step: int, values: dict[str, float], news: str = "") -> None:
        """Log values by name; `news` is the line of the terminal."""
        if not self.active:
            return
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)
        self.progress.update(self.task, news=news)
        if news and not self.console.is_terminal:
            left = time_left(self.progress.tasks[0])
            self.message(f"step {step}: {news}" + (f" | {left}" if left else ""))

    def measured(self, step: int, found: Measured) -> None:
        """Log what a validation found, and name it in the terminal."""
        self.scalars(step, found.values)
        self.clips(step, found.clips)
        values = [f"{name} {value:.4g}" for name, value in found.values.items()]
        self.message(f"step {step} " + ", ".join([*([found.note] if found.note else []), *values]))

    def clips(self, step: int, clips: list[tuple[str, Tensor, Tensor]]) -> None:
        """Log recordings [S] and what was decoded of them, as audio and as log-mel pictures."""
        if not self.active:
            return
        from matplotlib.figure import Figure

        log_mel = LogMel()
        for i, (name, recording, decoded) in enumerate(clips):
            figure = Figure(figsize=(9, 5), layout="constrained")
            axes = figure.subplots(2, 1, sharex=True)
            for axis, title, waveform in ((axes[0], Path(name).name, recording), (axes[1], "decoded", decoded)):
                self.board.add_audio(f"clip {i}/{'recording' if title != 'decoded' else title}", waveform, step, 16_000)
                seconds = len(waveform) / 16_000
                axis.imshow(
                    log_mel(waveform[None])[0].numpy(), origin="lower", aspect="auto", extent=(0, seconds, 0, 100)
                )
                axis.set(title=title, ylabel="mel bin")
            axes[1].set(xlabel="seconds")
            self.board.add_figure(f"clip {i}", figure, step)

    def plot_now_and_then(self) -> None:
        """`plot_curves`, unless it was done in the last ten minutes: it takes seconds."""
        if self.active and time.monotonic() > self._plot_next:
            self.plot_curves()
            self._plot_next = time.monotonic() + 600

    def plot_curves(self) -> None:
        """Draw every scalar of metrics.jsonl to curves.png, training and validation of a measure in one panel."""
        if not self.active:
            return
        from matplotlib.figure import Figure

        panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for line in _lines(self.folder / METRICS):
            for name, value in line.items():
                group, _, title = name.rpartition("/")
                if group:
                    title = title if group in ("train", "validation") else name
                    panels.setdefault(title, {}).setdefault(group, []).append((line["step"], value))
        if not panels:
            return
        columns = 4
        rows = math.ceil(len(panels) / columns)
        figure = Figure(figsize=(4.5 * columns, 2.6 * rows))
        figure.subplots_adjust(0.04, 0.02, 0.99, 1 - 0.3 / (2.6 * rows), 0.15, 0.35)
        for i, (title, curves) in enumerate(sorted(panels.items())):
            panel = figure.add_subplot(rows, columns, i + 1)
            for group, points in curves.items():
                panel.plot(*zip(*points, strict=True), marker="." if len(points) < 30 else "", linewidth=1, label=group)
            panel.set_title(title, fontsize=9)
            panel.tick_params(labelsize=7)
            panel.locator_params(nbins=4)
            if len(curves) > 1:
                panel.legend(fontsize=7)
        with atomic_path(self.folder / CURVES) as temporary:
            figure.savefig(temporary, format="png", dpi=80)


def _lines(path: Path) -> Iterator[dict[str, float]]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue


def _drop_after(path: Path, step: int) -> None:
    if path.is_file():
        kept = [line for line in _lines(path) if line["step"] <= step]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
