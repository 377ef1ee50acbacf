"""From chosen metrics and loaded systems to a report: what every evaluation of systems does."""

import os
from collections.abc import Callable, Sequence

from wavcube.data.clip import Clip
from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import ChosenMetrics
from wavcube.evaluation.report import write_report
from wavcube.evaluation.runner import evaluate
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import Summary
from wavcube.evaluation.systems import System


def check_metrics(chosen: ChosenMetrics, on_skipped: Callable[[str, str], None] | None) -> None:
    """Call `on_skipped` with each metric that cannot run, and how to get what it lacks.

    Raises:
        ConfigError: none can run.
    """
    if on_skipped is not None:
        for name, how in chosen.skipped.items():
            on_skipped(name, how)
    if not chosen.metrics:
        lacks = "; ".join(f"{name}: {how.splitlines()[0]}" for name, how in chosen.skipped.items())
        raise ConfigError(f"none of the chosen metrics can run here ({lacks})")


def compare_systems(
    systems: Sequence[System],
    utterances: Sequence[Clip],
    chosen: ChosenMetrics,
    settings: EvaluationSettings,
    *,
    title: str,
    progress: bool = False,
) -> Summary:
    """Measure systems on utterances (see `evaluate`) and write the report (see `write_report`) as the settings say.

    Args:
        systems: that the settings describe.
        utterances: that were read as the settings say.
        chosen: the metrics that can run.
        settings: the rest.
        title: of the page.
        progress: whether to show a bar.
    """
    table = evaluate(
        systems,
        utterances,
        chosen.metrics,
        settings.folder,
        processes=settings.processes or os.cpu_count() or 1,
        batch_seconds=settings.batch_seconds,
        show_progress=progress,
    )
    return write_report(
        table,
        systems,
        utterances,
        chosen,
        settings.folder,
        title=title,
        data=" ".join([settings.data.name, *settings.filters]),
        breakdown_by=settings.breakdown_by,
        cluster=settings.cluster,
        rank_by=settings.rank_by,
        seed=settings.seed,
        listen=settings.listen,
    )
