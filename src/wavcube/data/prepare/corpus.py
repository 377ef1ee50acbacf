"""What a corpus on disk holds, before a recording has been opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording and what the corpus says of it."""

    path: Path
    subset: str = ""
    speaker: str = ""
    transcript: str = ""


@dataclass
class Corpus:
    """The utterances of a corpus in the order of the manifest, and what is odd about its files."""

    utterances: list[Utterance] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


Report = Callable[[str, int, int], None]
"""Called now and then while something lasts, with what is being done, how much of it is done, and how much it is."""
