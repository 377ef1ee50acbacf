"""One file of a run over many."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One file to read and the file to write; `relative` is the place of both below their folders."""

    source: Path
    target: Path
    relative: Path
