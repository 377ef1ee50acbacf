"""The table of results: on the terminal, in Markdown, in LaTeX."""

from collections.abc import Mapping

from rich import box
from rich.table import Table

from wavcube.reconstruction.statistics import Comparison, Estimate
from wavcube.reconstruction.summary import Column, Summary

NO_VALUE = "\N{EN DASH}"

SIGNIFICANT = 0.05
"""Corrected p-values below it are marked."""


def terminal_table(summary: Summary) -> Table:
    """A row a quantity, a column a system: value and half the width of its 95 % interval; the best in bold."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for system in summary.systems:
        table.add_column(system, justify="right", overflow="fold")
    marks = significance(summary)
    for column in summary.columns:
        best = best_system(summary, column)
        cells = []
        for system in summary.systems:
            text = cell(summary, system, column) + marks.get((system, column.quantity.name), "")
            cells.append(f"[bold]{text}[/bold]" if system == best else text)
        table.add_row(f"{column.quantity.heading} {column.quantity.arrow}", *cells)
    return table


def markdown_table(summary: Summary) -> str:
    """A row a system, a column a quantity, as in papers; the footnotes say what the numbers are."""
    header = ["", *(f"{c.quantity.heading} {c.quantity.arrow}" for c in summary.columns)]
    lines = [_row(header), _row(["---"] + ["---:"] * len(summary.columns))]
    marks = significance(summary)
    for system in summary.systems:
        cells = [cell(summary, system, c) + marks.get((system, c.quantity.name), "") for c in summary.columns]
        lines.append(_row([system, *cells]))
    return "\n".join(lines) + "\n\n" + "\n".join(f"{note}  " for note in footnotes(summary)) + "\n"


def latex_table(summary: Summary) -> str:
    """A tabular of the package booktabs: a row a system, a column a quantity, means only."""
    columns = summary.columns
    header = " & ".join(["", *(_latex(f"{c.quantity.heading} ") + _LATEX_ARROW[c.quantity.arrow] for c in columns)])
    rows = []
    for system in summary.systems:
        cells = []
        for column in columns:
            found = summary.estimates[system][column.quantity.name]
            text = number(found.value, column)
            cells.append(rf"\textbf{{{text}}}" if system == best_system(summary, column) else text)
        rows.append(" & ".join([_latex(system), *cells]) + r" \\")
    notes = "\n".join(f"% {note}" for note in footnotes(summary))
    lines = [rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule", header + r" \\", r"\midrule", *rows]
    return notes + "\n" + "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def footnotes(summary: Summary) -> list[str]:
    """What a reader must know of the numbers."""
    what = f"whole groups of {summary.cluster}" if summary.cluster else "utterances"
    notes = [f"± is half the width of the 95 % bootstrap interval over {what}."]
    if len(summary.systems) > 1:
        tests = " and ".join(sorted({c.test for c in summary.comparisons if c.count}))
        notes.append(
            f"* differs from {summary.systems[0]} with p < {SIGNIFICANT:g} ({tests}; Holm's correction over "
            f"{sum(c.count > 0 for c in summary.comparisons)} comparisons)."
        )
    for column in summary.columns:
        if column.label != column.quantity.title:
            notes.append(column.label + ".")
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


def best_system(summary: Summary, column: Column) -> str | None:
    """The system with the best value, the identity apart; None if it is alone."""
    values = {
        system: summary.estimates[system][column.quantity.name].value
        for system in summary.systems
        if system != "identity" and summary.estimates[system][column.quantity.name].count
    }
    if len(values) < 2:
        return None
    choose = max if column.quantity.better == "higher" else min
    return choose(values, key=lambda system: values[system])


def cell(summary: Summary, system: str, column: Column) -> str:
    found = summary.estimates[system][column.quantity.name]
    return number(found.value, column) + margin(found, column)


def number(value: float, column: Column) -> str:
    return NO_VALUE if value != value else f"{value:.{column.quantity.digits}f}"


def margin(found: Estimate, column: Column) -> str:
    return "" if found.count < 2 else f" ±{(found.high - found.low) / 2:.{column.quantity.digits}f}"


def p_value(comparison: Comparison) -> str:
    return "p < 0.001" if comparison.p_holm < 0.001 else f"p = {comparison.p_holm:.3f}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(text.replace("|", r"\|") for text in cells) + " |"


_LATEX_ARROW: Mapping[str, str] = {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}


def _latex(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text
