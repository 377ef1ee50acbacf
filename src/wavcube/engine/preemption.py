"""Ctrl-C and the scheduler's signals, turned into a wish to end after the step at hand."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else [])]
"""Ctrl-C; what a scheduler sends before it kills; what Slurm can be told to send some minutes before (--signal)."""


class Interrupts:
    """Inside the block the first signal sets `wanted`; a second Ctrl-C ends the program at once."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
