"""Checks a data folder for a task before hours are spent on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wavcube.audio.io import audio_info
from wavcube.data.clip import seconds_of
from wavcube.errors import AudioError, DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, some
from wavcube.understanding.corpora.stored import StoredRecordings
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


def check_data(
    task: Task, data: Path, recipe: ProbeConfig, progress: bool = False, stored: StoredRecordings | None = None
) -> list[SplitSummary]:
    """Read a data folder as the task does, and the header of every recording, unless their latents are stored.

    Raises:
        DataError: what is missing or wrong; recordings that cannot be read or are too short, by name.
    """
    corpora = task.load(data, recipe, progress, stored)
    seconds = _durations(corpora, data)
    return [
        _summary(f"{corpus.name} {split}".strip(), corpus, examples, seconds)
        for corpus in corpora
        for split, examples in {**corpus.splits, "searched": corpus.searched}.items()
        if examples
    ]


def _summary(split: str, corpus: Corpus, examples: Sequence[Example], seconds: dict[str, float]) -> SplitSummary:
    hours = sum(seconds[example.clip.name] for example in examples) / 3600
    classified = all(example.target in corpus.labels for example in examples)
    classes = len({example.target for example in examples}) if classified else 0
    return SplitSummary(split, len(examples), hours, len({e.speaker for e in examples} - {None}), classes)


def _durations(corpora: Sequence[Corpus], data: Path) -> dict[str, float]:
    clips = {example.clip.name: example.clip for corpus in corpora for example in corpus.examples}
    seconds, bad = {}, []
    for name, clip in clips.items():
        try:
            if clip.is_part:
                audio_info(clip.path)
            seconds[name] = seconds_of(clip)
            if seconds[name] < SHORTEST_SECONDS:
                bad.append(f"{clip.path}: {seconds[name]:.3f} s are too short")
        except AudioError as error:
            bad.append(str(error))
    if bad:
        raise DataError(f"{data}: {len(bad)} recordings are no use: {some(bad)}")
    return seconds
