"""The report of an evaluation: tables, report.json, the per-utterance table, one HTML page."""

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavcube import __version__
from wavcube.data.clip import Clip
from wavcube.evaluation.metrics import ChosenMetrics
from wavcube.evaluation.report.examples import choose_examples
from wavcube.evaluation.report.page import render_page
from wavcube.evaluation.report.pictures import distributions_svg
from wavcube.evaluation.report.tables import latex_table, markdown_table, terminal_table
from wavcube.evaluation.statistics import Estimate
from wavcube.evaluation.summary import Summary, summarise
from wavcube.evaluation.systems.base import System
from wavcube.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["terminal_table", "write_report"]


def write_report(
    table: "pd.DataFrame",
    systems: Sequence[System],
    utterances: Sequence[Clip],
    chosen: ChosenMetrics,
    folder: str | os.PathLike[str],
    *,
    title: str = "Reconstruction of speech",
    data: str = "",
    breakdown_by: Sequence[str] | None = None,
    cluster: str | None = None,
    rank_by: str | None = None,
    seed: int = 0,
    listen: bool = True,
) -> Summary:
    """Summarise what `evaluate` measured, and write it into `folder`.

    Files: `report.json` (everything), `table.md`, `table.tex`, `utterances.csv` and `utterances.parquet` (a row for
    each utterance and system), `report.html` (stands alone; with sound).

    Args:
        table: that `evaluate` returned.
        systems: that were evaluated; the others are compared with the first, and it is the one to listen to.
        utterances: that were evaluated.
        chosen: metrics.
        folder: to write to.
        title: of the page.
        data: what the utterances are, in words.
        breakdown_by, cluster, seed: see `summarise`.
        rank_by: quantity by which the worst utterances are found.
        listen: put sound and spectrograms into the page, for which the first system works once more.

    Raises:
        WavCubeError: a column or quantity does not exist.
    """
    folder = Path(folder)
    summary = summarise(table, chosen.metrics, breakdown_by=breakdown_by, cluster=cluster, seed=seed)
    examples = choose_examples(table, summary.quantities, systems[0], utterances, rank_by) if listen else None
    facts = _facts(systems, utterances, data)
    citations = {metric.name: metric.citation for metric in chosen.metrics}
    distributions = distributions_svg(table, summary.quantities, summary.systems, systems[0].name)
    page = render_page(title, facts, summary, chosen.skipped, citations, distributions, examples)
    _write(folder / "report.json", json.dumps(_as_json(summary, systems, chosen, facts), indent=1, ensure_ascii=False))
    _write(folder / "table.md", markdown_table(summary))
    _write(folder / "table.tex", latex_table(summary))
    _write(folder / "report.html", page)
    with atomic_path(folder / "utterances.csv") as path:
        table.to_csv(path, index=False)
    with atomic_path(folder / "utterances.parquet") as path:
        table.to_parquet(path, index=False)
    return summary


def _facts(systems: Sequence[System], utterances: Sequence[Clip], data: str) -> dict[str, str]:
    seconds = sum(utterance.seconds or 0.0 for utterance in utterances)
    facts = {"data": f"{data + ': ' if data else ''}{len(utterances)} utterances, {seconds / 60:.1f} minutes"}
    facts |= {system.name: system.title for system in systems}
    return facts | {"made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by wavcube {__version__}"}


def _as_json(
    summary: Summary, systems: Sequence[System], chosen: ChosenMetrics, facts: Mapping[str, str]
) -> dict[str, Any]:
    metrics = [
        {
            "metric": metric.name,
            "citation": metric.citation,
            "sample_rate": metric.sample_rate,
            "settings": metric.settings(),
            "fingerprint": metric.fingerprint(),
            "note": metric.note(),
            "quantities": [asdict(q) for q in metric.quantities],
        }
        for metric in chosen.metrics
    ]
    content = {
        "wavcube": __version__,
        "python": platform.python_version(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "facts": dict(facts),
        "systems": [{"name": s.name, "title": s.title, "fingerprint": s.fingerprint} for s in systems],
        "metrics": metrics,
        "skipped": chosen.skipped,
        "estimates": _estimates(summary.estimates),
        "comparisons": [asdict(comparison) for comparison in summary.comparisons],
        "breakdowns": {
            column: {group: _estimates(found) for group, found in groups.items()}
            for column, groups in summary.breakdowns.items()
        },
        "undefined": summary.undefined,
        "bootstrap": {"seed": summary.seed, "cluster": summary.cluster},
    }
    return _without_nan(content)


def _estimates(found: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, Any]]:
    return {s: {name: asdict(one) for name, one in quantities.items()} for s, quantities in found.items()}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null is what has no value."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
