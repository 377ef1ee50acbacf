"""Ctrl-C and the scheduler's preemption signals: training ends after the current step."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from wavcube.data.workers import STOP_SIGNALS


class SignalHandler:
    """Inside the block the first signal sets `stop_requested`; a second Ctrl-C ends the program at once."""

    def __init__(self) -> None:
        self.stop_requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.stop_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stop_requested = True
