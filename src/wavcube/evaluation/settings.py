"""What every evaluation of systems is told: which systems, on which data, by which metrics, reported how."""

from dataclasses import dataclass, field
from pathlib import Path

from wavcube.evaluation.metrics import MetricOptions


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated, and how.

    Attributes:
        systems: descriptions, see the evaluation's own loader; the others are compared with the first.
        data: the evaluation's list of recordings, or folder of them where it takes one.
        folder: for measurements and report; the same one again continues.
        filters: COLUMN=VALUE, rows of the list that are kept.
        limit: only the first so many recordings, pairs or mixtures.
        metrics: their names; None for those that the evaluation has by default.
        options: the models that some metrics need, and the device of everything.
        processes: for the small metrics; None for one a core.
        batch_seconds: of speech decoded at once, padding included.
        breakdown_by, seed: see `summarise`.
        cluster: column whose groups the bootstrap draws as a whole; None for the evaluation's own, "" for none.
        rank_by: quantity by which the worst utterances are found.
        listen: whether sound and spectrograms are put into the HTML page.
    """

    systems: tuple[str, ...]
    data: Path
    folder: Path
    filters: tuple[str, ...] = ()
    limit: int | None = None
    metrics: tuple[str, ...] | None = None
    options: MetricOptions = field(default_factory=MetricOptions)
    processes: int | None = None
    batch_seconds: float = 60.0
    breakdown_by: tuple[str, ...] = ()
    cluster: str | None = None
    rank_by: str | None = None
    seed: int = 0
    listen: bool = True
