"""One file of a run over many."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One file to read and the file to write; `relative` is the place of both below their folders.

    `others` are further files to write, of a command that makes several of one.
    """

    source: Path
    target: Path
    relative: Path
    others: tuple[Path, ...] = ()

    @property
    def targets(self) -> tuple[Path, ...]:
        """All files to write."""
        return (self.target, *self.others)
