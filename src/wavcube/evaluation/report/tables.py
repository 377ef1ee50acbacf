"""The table of results: on the terminal, in Markdown, in LaTeX."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from wavcube.evaluation import plain_tables
from wavcube.evaluation.metric import Quantity
from wavcube.evaluation.statistics import FEWEST_UNITS, TOO_FEW, Comparison, Estimate
from wavcube.evaluation.summary import Summary

NO_VALUE = "\N{EN DASH}"

SIGNIFICANT = 0.05
"""Corrected p-values below it are marked."""


TRUTHS = frozenset({"identity", "recordings", "true", "oracle-mask", "oracle-latents"})
"""Systems that are the truth or made of it: that they are better than the others says nothing."""


def terminal_table(summary: Summary) -> Table:
    """A row a quantity, a column a system: value and half the width of its 95 % interval; the best in bold."""
    marks = significance(summary)
    rows = []
    for quantity in summary.quantities:
        best = best_system(summary, quantity)
        cells = []
        for system in summary.systems:
            text = cell(summary, system, quantity) + marks.get((system, quantity.name), "")
            cells.append(f"[bold]{text}[/bold]" if system == best else text)
        rows.append([f"{quantity.heading} {quantity.arrow}", *cells])
    return plain_tables.terminal(["", *summary.systems], rows)


def markdown_table(summary: Summary) -> str:
    """A row a system, a column a quantity, as in papers; the footnotes say what the numbers are."""
    marks = significance(summary)
    rows = [
        [system, *(cell(summary, system, q) + marks.get((system, q.name), "") for q in summary.quantities)]
        for system in summary.systems
    ]
    table = plain_tables.markdown(["", *(f"{q.heading} {q.arrow}" for q in summary.quantities)], rows)
    return table + "\n" + "\n".join(f"{note}  " for note in footnotes(summary)) + "\n"


def latex_table(summary: Summary) -> str:
    """A tabular of the package booktabs: a row a system, a column a quantity, means only."""
    rows = []
    for system in summary.systems:
        cells = [plain_tables.escaped(system)]
        for quantity in summary.quantities:
            text = number(summary.estimates[system][quantity.name].value, quantity)
            cells.append(rf"\textbf{{{text}}}" if system == best_system(summary, quantity) else text)
        rows.append(cells)
    header = ["", *(plain_tables.escaped(f"{q.heading} {q.arrow}") for q in summary.quantities)]
    return "\n".join(f"% {note}" for note in footnotes(summary)) + "\n" + plain_tables.latex(header, rows)


def footnotes(summary: Summary) -> list[str]:
    """What a reader must know of the numbers."""
    what = f"{summary.cluster}s" if summary.cluster else "utterances"
    drawn = ", each drawn with all its rows" if summary.cluster else ""
    notes = [f"± is half the width of the 95 % bootstrap interval over {what}{drawn}."]
    if len(summary.systems) > 1:
        tested = [c for c in summary.comparisons if c.p_holm == c.p_holm]
        if tested:
            tests = " and ".join(sorted({c.test for c in tested}))
            notes.append(
                f"* differs from {summary.systems[0]} with p < {SIGNIFICANT:g} ({tests}; Holm's correction over "
                f"{len(tested)} comparisons)."
            )
        if any(c.test == TOO_FEW for c in summary.comparisons):
            notes.append(
                f"Significance is not tested with fewer than {FEWEST_UNITS} {what}; their intervals are too narrow."
            )
    notes += [note + "." for note in summary.notes]
    return notes + undefined_notes(summary)


def undefined_notes(summary: Summary) -> list[str]:
    """Which quantities had no value, of how many utterances, and why."""
    counted: dict[tuple[str, str, int], list[str]] = {}
    for system, quantities in summary.undefined.items():
        for quantity, reasons in quantities.items():
            for reason, count in reasons.items():
                counted.setdefault((system, reason, count), []).append(quantity)
    return [
        f"{system}: no {', '.join(quantities)} of {count} utterance{'s' if count > 1 else ''}: {reason}."
        for (system, reason, count), quantities in counted.items()
    ]


def significance(summary: Summary) -> dict[tuple[str, str], str]:
    """A star for each (system, quantity) that differs from the first system's."""
    return {(c.system, c.quantity): "*" for c in summary.comparisons if c.p_holm < SIGNIFICANT}


def best_system(summary: Summary, quantity: Quantity) -> str | None:
    """The system with the best value, those of `TRUTHS` apart; None if it is alone."""
    values = {
        system: summary.estimates[system][quantity.name].value
        for system in summary.systems
        if system not in TRUTHS and summary.estimates[system][quantity.name].count
    }
    if len(values) < 2:
        return None
    if quantity.better == "higher":
        return max(values, key=lambda system: values[system])
    return min(values, key=lambda system: abs(values[system]))  # of what is better lower, nothing is below zero


def cell(summary: Summary, system: str, quantity: Quantity) -> str:
    found = summary.estimates[system][quantity.name]
    return number(found.value, quantity) + margin(found, quantity)


def number(value: float, quantity: Quantity) -> str:
    return NO_VALUE if value != value else f"{value:z.{quantity.digits}f}"


def values_text(values: Mapping[Any, Any], quantities: Iterable[Quantity]) -> str:
    """Those of the quantities that have a value, with their units, one behind the other."""
    known = [q for q in quantities if values.get(q.name, float("nan")) == values.get(q.name)]
    return "; ".join(f"{q.title} {number(values[q.name], q)} {q.unit}".rstrip() for q in known)


def margin(found: Estimate, quantity: Quantity) -> str:
    return "" if found.count < 2 else f" ±{(found.high - found.low) / 2:.{quantity.digits}f}"


def p_value(comparison: Comparison) -> str:
    if comparison.p_holm != comparison.p_holm:
        return "" if comparison.test == TOO_FEW else comparison.test
    return "p < 0.001" if comparison.p_holm < 0.001 else f"p = {comparison.p_holm:.3f}"
