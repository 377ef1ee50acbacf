"""Recordings that could not be used: counted, logged once, and too many of them stop the run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wavcube.errors import DataError

logger = logging.getLogger(__name__)

_REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Skipped:
    """A clip that was passed over, and why; `bad` if the file is at fault rather than the configured limits."""

    name: str
    reason: str
    bad: bool = True


class BadFiles:
    """The tally of one loader, kept in the process that trains.

    Attributes:
        seen: recordings drawn so far, bad ones included.
        bad: those that could not be used; one that comes up in every epoch counts every time.
    """

    def __init__(self, max_share: float, after: int) -> None:
        self.max_share = max_share
        self.after = after
        self.seen = 0
        self.bad = 0
        self._reasons: dict[str, str] = {}

    def add(self, used: int, skipped: Sequence[Skipped]) -> None:
        """Count a batch; log what is bad for the first time.

        Raises:
            DataError: more than the allowed share is bad.
        """
        bad = [item for item in skipped if item.bad]
        self.seen += used + len(bad)
        self.bad += len(bad)
        for item in bad:
            if item.name not in self._reasons:
                self._reasons[item.name] = item.reason
                logger.warning("skipped a recording: %s", item.reason)
        if self.seen >= self.after and self.bad > self.max_share * self.seen:
            raise DataError(
                f"{self.bad} of {self.seen} recordings could not be used, more than max_bad_share "
                f"({self.max_share:g}) allows; {first_reasons(list(self._reasons.values()))}"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "bad": self.bad, "reasons": dict(self._reasons)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen, self.bad, self._reasons = state["seen"], state["bad"], dict(state["reasons"])


def first_reasons(reasons: Sequence[str]) -> str:
    """Join the first few reasons to the end of a sentence."""
    return "the first: " + "; ".join(reasons[:_REASONS_SHOWN])
