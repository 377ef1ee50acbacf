"""Table 1 in one call: read recordings, choose metrics, reconstruct and measure, report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wavcube.data.manifest import parse_filters, read_clips
from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import MetricOptions, choose_metrics
from wavcube.evaluation.summary import Summary
from wavcube.evaluation.systems import load_system


@dataclass(frozen=True)
class ReconstructionSettings:
    """What is evaluated, and how.

    Attributes:
        systems: descriptions, see `load_system`; the others are compared with the first.
        data: folder of recordings, or manifest.
        folder: for measurements and report; the same one again continues.
        filters: COLUMN=VALUE, rows of the manifest that are kept.
        limit: only the first so many recordings.
        metrics: their names; None for all that can run.
        options: the models that some metrics need, and the device of everything.
        processes: for the small metrics; None for one a core.
        batch_seconds: of speech decoded at once, padding included.
        breakdown_by, cluster, seed: see `summarise`.
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


def evaluate_reconstruction(
    settings: ReconstructionSettings,
    *,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on recordings and write the report into the settings' folder.

    Args:
        settings: what and how.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        ConfigError: a metric or system is unknown, or none of the metrics can run.
        DataError: there are no recordings, or a column does not exist.
    """
    utterances = read_clips(settings.data, parse_filters(settings.filters), settings.limit)
    chosen = choose_metrics(settings.metrics, settings.options)
    check_metrics(chosen, on_skipped)
    systems = [load_system(description, settings.options.device) for description in settings.systems]
    return compare_systems(
        systems,
        utterances,
        chosen,
        settings.folder,
        processes=settings.processes,
        batch_seconds=settings.batch_seconds,
        progress=progress,
        data=" ".join([settings.data.name, *settings.filters]),
        breakdown_by=settings.breakdown_by,
        cluster=settings.cluster,
        rank_by=settings.rank_by,
        seed=settings.seed,
        listen=settings.listen,
    )
