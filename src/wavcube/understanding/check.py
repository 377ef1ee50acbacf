"""Whether a data folder is fit for a task, before hours are spent on it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.errors import AudioError, DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpus import Corpus, Example, some
from wavcube.understanding.task import Task

SHORTEST_SECONDS = 0.025
"""One frame of any representation here needs 400 samples at 16 kHz."""


@dataclass(frozen=True)
class SplitSummary:
    """What a split holds: recordings, hours, speakers (0 where not known) and classes (0 where there are none)."""

    split: str
    recordings: int
    hours: float
    speakers: int
    classes: int


def check_data(task: Task, data: Path, recipe: ProbeConfig, progress: bool = False) -> list[SplitSummary]:
    """Read a data folder as the task does, and the header of every recording.

    Raises:
        DataError: what is missing or wrong; recordings that cannot be read or are too short, by name.
    """
    corpora = task.read(data, recipe)
    for corpus in corpora:
        task.check(corpus, data)
    seconds = _durations(corpora, data, progress)
    return [
        _summary(f"{corpus.name} {split}".strip(), corpus, examples, seconds)
        for corpus in corpora
        for split, examples in {**corpus.splits, "searched": corpus.searched}.items()
        if examples
    ]


def _summary(split: str, corpus: Corpus, examples: Sequence[Example], seconds: dict[str, float]) -> SplitSummary:
    hours = sum(seconds[example.clip.key] for example in examples) / 3600
    classified = all(example.target in corpus.labels for example in examples)
    classes = len({example.target for example in examples}) if classified else 0
    return SplitSummary(split, len(examples), hours, len({e.speaker for e in examples} - {None}), classes)


def _durations(corpora: Sequence[Corpus], data: Path, progress: bool) -> dict[str, float]:
    from rich.progress import track

    clips = {example.clip.key: example.clip for corpus in corpora for example in corpus.examples}
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(_seconds, clips.values())
        read = track(found, "reading headers", len(clips), disable=not progress, transient=True)
        seconds = dict(zip(clips, read, strict=True))
    bad = [text for text in seconds.values() if isinstance(text, str)]
    if bad:
        raise DataError(f"{data}: {len(bad)} recordings are no use: {some(bad)}")
    return {key: value for key, value in seconds.items() if isinstance(value, float)}


def _seconds(clip: Clip) -> float | str:
    """Duration, or what is wrong."""
    try:
        seconds = clip.seconds
    except AudioError as error:
        return str(error)
    return seconds if seconds >= SHORTEST_SECONDS else f"{clip.path}: {seconds:.3f} s are too short"
