"""Settings, results and input frames that the linear probes share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from wavcube.errors import DataError
from wavcube.evaluation.statistics import percentile_intervals
from wavcube.understanding.corpora.corpus import Corpus
from wavcube.understanding.results import Estimate

Progress = Callable[[int, int], None]
"""Called with the training steps done and those in all."""


class FrameSource(Protocol):
    """Frames [T, C] by the key of a clip, as a `FrameCache` gives them."""

    def __getitem__(self, key: str, /) -> np.ndarray: ...


@dataclass(frozen=True)
class ProbeSettings:
    """How long the heads train.

    Attributes:
        character_steps, character_batch: of the character probe.
        speaker_steps: of the speaker probe, on all recordings at once.
        seeds: trainings of each probe; results are their means.
    """

    character_steps: int = 1500
    character_batch: int = 16
    speaker_steps: int = 500
    seeds: tuple[int, ...] = (0, 1, 2)


STANDARD = ProbeSettings()


@dataclass
class ProbeResult:
    """A probe of one representation.

    Attributes:
        name: "characters" or "speakers".
        estimate: the error rate or accuracy on test, mean over seeds, with a 95 % interval over recordings.
        by_seed: the same value of each seed.
        learning_rate: the one that dev chose, for each seed.
        dev: dev's value at that rate, for each seed.
        recordings: of each split.
    """

    name: str
    estimate: Estimate
    by_seed: list[float]
    learning_rate: list[float]
    dev: list[float]
    recordings: dict[str, int] = field(default_factory=dict)


def summarise(
    name: str,
    runs: Sequence[tuple[float, float, np.ndarray]],
    measure: Callable[[np.ndarray], float],
    corpus: Corpus,
) -> ProbeResult:
    outcomes = [run[2] for run in runs]
    by_seed = [measure(outcome) for outcome in outcomes]
    low, high = percentile_intervals(lambda drawn: {name: measure(drawn)}, outcomes)[name]
    return ProbeResult(
        name,
        Estimate(float(np.mean(by_seed)), low, high),
        by_seed,
        [run[1] for run in runs],
        [run[0] for run in runs],
        {split: len(examples) for split, examples in corpus.splits.items()},
    )


def check_splits(corpus: Corpus) -> None:
    for name, examples in corpus.splits.items():
        if not examples:
            raise DataError(f"the probe's {name} split is empty")
