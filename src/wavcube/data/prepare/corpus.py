"""The contents of a corpus on disk, before a recording has been opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wavcube.data.clip import Clip


@dataclass
class Corpus:
    """The recordings of a corpus in the order of the manifest, and what is odd about its files.

    Attributes:
        clips: with their transcripts, and with columns `subset` and `speaker`.
        warnings: sentences.
    """

    clips: list[Clip] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def corpus_clip(path: Path, subset: str, speaker: str, transcript: str) -> Clip:
    """A recording and what the corpus has on it."""
    return Clip(str(path), path, transcript=transcript or None, columns={"subset": subset, "speaker": speaker})


Report = Callable[[str, int, int], None]
"""Called now and then while something lasts, with what is being done, how much of it is done, and how much it is."""
