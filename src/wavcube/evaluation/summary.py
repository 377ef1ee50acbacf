"""Estimates, comparisons, breakdowns and undefined values, from a row per utterance."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wavcube.errors import DataError
from wavcube.evaluation.metric import Metric, Quantity
from wavcube.evaluation.statistics import Comparison, Estimate, compare, estimate, holm

if TYPE_CHECKING:
    import pandas as pd

DURATION = "duration"
"""The breakdown by how long utterances are, which every data set has."""

DURATION_EDGES_S = (4.0, 8.0, 15.0)
USUAL_BREAKDOWNS = ("speaker", "sex")
MOST_GROUPS = 100
"""A breakdown into more groups (by transcript, say) is a mistake."""


@dataclass
class Summary:
    """What was found.

    Attributes:
        systems: names, in order.
        quantities: those that any system has a value of, in order.
        notes: of the metrics, see `Metric.note`.
        estimates: by system and quantity.
        comparisons: of every other system with the first.
        breakdowns: column -> group -> system -> quantity -> estimate.
        undefined: system -> quantity -> reason -> how many utterances.
        seed: of the resampling.
        cluster: column whose groups were resampled as a whole, if any.
    """

    systems: list[str]
    quantities: list[Quantity]
    notes: list[str]
    estimates: dict[str, dict[str, Estimate]]
    comparisons: list[Comparison]
    breakdowns: dict[str, dict[str, dict[str, dict[str, Estimate]]]]
    undefined: dict[str, dict[str, dict[str, int]]]
    seed: int
    cluster: str | None


def summarise(
    table: "pd.DataFrame",
    metrics: Sequence[Metric],
    *,
    breakdown_by: Sequence[str] | None = None,
    cluster: str | None = None,
    seed: int = 0,
) -> Summary:
    """Summarise the table that `evaluate` gives.

    Args:
        table: a row per utterance and system.
        metrics: that made it.
        breakdown_by: columns of the table, beside duration, and speaker and sex where they are known.
        cluster: a column (say, speaker) whose groups are resampled as a whole.
        seed: of the resampling.

    Raises:
        DataError: a column does not exist, or has too many groups.
    """
    systems = list(dict.fromkeys(table["system"]))
    quantities = [quantity for metric in metrics for quantity in metric.quantities]
    for column in [*(breakdown_by or ()), *([cluster] if cluster else [])]:
        if column not in table.columns:
            there = ", ".join(_data_columns(table, quantities)) or "none"
            raise DataError(f"no column {column!r} in the data; there are {there}")
    by_system = {system: table[table["system"] == system].reset_index(drop=True) for system in systems}

    def estimates_of(rows: "pd.DataFrame") -> dict[str, Estimate]:
        labels = rows[cluster].to_numpy() if cluster else None
        return {q.name: estimate(*_sums(rows, q), labels, seed=seed) for q in quantities}

    estimates = {system: estimates_of(rows) for system, rows in by_system.items()}
    undefined = {system: _reasons(rows) for system, rows in by_system.items()}
    shown = [q for q in quantities if any(estimates[system][q.name].count for system in systems)]
    notes = [metric.note() for metric in metrics if metric.note()]
    comparisons = _comparisons(by_system, systems, shown, cluster, seed)
    usual = [c for c in USUAL_BREAKDOWNS if c in table and 1 < table[c].nunique() <= MOST_GROUPS]
    columns = dict.fromkeys([DURATION, *usual, *(breakdown_by or ())])
    breakdowns = {column: _breakdown(by_system, column, estimates_of) for column in columns}
    return Summary(systems, shown, notes, estimates, comparisons, breakdowns, undefined, seed, cluster)


def _sums(rows: "pd.DataFrame", quantity: Quantity) -> tuple[np.ndarray, np.ndarray]:
    """Numerators and denominators of a quantity, `[utterances]` each, NaN where undefined."""
    if not quantity.ratio:
        values = rows[quantity.name].to_numpy(float)
        return values, np.ones_like(values)
    top, bottom = (
        rows[name].to_numpy(float) if name in rows else np.full(len(rows), np.nan) for name in quantity.ratio
    )
    return quantity.scale * top, bottom


def _comparisons(
    by_system: dict[str, "pd.DataFrame"],
    systems: Sequence[str],
    quantities: Sequence[Quantity],
    cluster: str | None,
    seed: int,
) -> list[Comparison]:
    reference = systems[0]
    found = []
    for system in systems[1:]:
        for quantity in quantities:
            ours, theirs = _sums(by_system[system], quantity), _sums(by_system[reference], quantity)
            labels = by_system[system][cluster].to_numpy() if cluster else None
            found.append(
                compare(
                    quantity.name,
                    (system, reference),
                    (ours[0], theirs[0]),
                    (ours[1], theirs[1]),
                    labels,
                    is_mean=quantity.ratio is None,
                    seed=seed,
                )
            )
    corrected = holm([comparison.p_value for comparison in found])
    return [replace(comparison, p_holm=p) for comparison, p in zip(found, corrected, strict=True)]


def _breakdown(
    by_system: dict[str, "pd.DataFrame"], column: str, estimates_of: Callable[["pd.DataFrame"], dict[str, Estimate]]
) -> dict[str, dict[str, dict[str, Estimate]]]:
    result: dict[str, dict[str, dict[str, Estimate]]] = {}
    for system, rows in by_system.items():
        labels = _duration_bins(rows["seconds"].to_numpy(float)) if column == DURATION else rows[column].astype(str)
        groups = sorted(set(labels), key=_group_order)
        if len(groups) > MOST_GROUPS:
            raise DataError(f"column {column!r} has {len(groups)} different values; a breakdown takes {MOST_GROUPS}")
        for group in groups:
            result.setdefault(group or "(empty)", {})[system] = estimates_of(rows[np.asarray(labels) == group])
    return result


def _duration_bins(seconds: np.ndarray) -> np.ndarray:
    edges = DURATION_EDGES_S
    names = [f"under {edges[0]:g} s", *(f"{a:g} to {b:g} s" for a, b in itertools.pairwise(edges))]
    names += [f"{edges[-1]:g} s and more", "unknown"]
    bins = np.where(np.isnan(seconds), len(edges) + 1, np.searchsorted(edges, seconds, side="right"))
    return np.array(names)[bins]


def _group_order(group: str) -> tuple[int, float, str]:
    """Numbers by size (durations by their first), then words."""
    words = group.removeprefix("under ").split()
    try:
        return (0, float(words[0]) - group.startswith("under "), group)
    except (ValueError, IndexError):
        return (1, 0.0, group)


def _reasons(rows: "pd.DataFrame") -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for text in rows["undefined"]:
        for quantity, reason in (json.loads(text) if text else {}).items():
            counted.setdefault(quantity, Counter())[reason] += 1
    return {quantity: dict(counter.most_common()) for quantity, counter in counted.items()}


def _data_columns(table: "pd.DataFrame", quantities: Sequence[Quantity]) -> list[str]:
    """Columns that came with the data."""
    measured = {"utterance", "system", "seconds", "undefined"}
    for quantity in quantities:
        measured |= {quantity.name, *(quantity.ratio or ())}
    return [name for name in table.columns if name not in measured]
