"""From chosen metrics and loaded systems to a report: what every evaluation of systems does."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wavcube.data.clip import Clip
from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import ChosenMetrics
from wavcube.evaluation.report import write_report
from wavcube.evaluation.runner import evaluate
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
    folder: Path,
    *,
    processes: int | None = None,
    batch_seconds: float = 60.0,
    progress: bool = False,
    **report: Any,
) -> Summary:
    """Measure systems on utterances (see `evaluate`) and write the report into `folder` (see `write_report`).

    Args:
        processes: for the small metrics; None for one a core.
        batch_seconds, progress: as of `evaluate`.
        report: further arguments of `write_report`.
    """
    table = evaluate(
        systems,
        utterances,
        chosen.metrics,
        folder,
        processes=processes or os.cpu_count() or 1,
        batch_seconds=batch_seconds,
        show_progress=progress,
    )
    return write_report(table, systems, utterances, chosen, folder, **report)
