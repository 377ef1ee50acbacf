"""One HTML page that stands alone: the table, distributions, breakdowns, and utterances to listen to."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from wavcube.evaluation.metric import Quantity
from wavcube.evaluation.report.examples import Example, Examples, Player
from wavcube.evaluation.report.tables import (
    NO_VALUE,
    best_system,
    cell,
    footnotes,
    margin,
    number,
    p_value,
    significance,
)
from wavcube.evaluation.statistics import Estimate
from wavcube.evaluation.summary import Summary

STYLE = Path(__file__).with_name("page.css")

MOST_BREAKDOWN_QUANTITIES = 8
"""Quantities in a breakdown's table; report.json has all."""


def render_page(
    title: str,
    facts: Mapping[str, str],
    summary: Summary,
    skipped: Mapping[str, str],
    citations: Mapping[str, str],
    distributions: str,
    examples: Examples | None,
) -> str:
    """The page as text.

    Args:
        title: of the page.
        facts: what was evaluated, on what, when.
        summary: the numbers.
        skipped: metric -> how to get it.
        citations: metric -> where it is from.
        distributions: an SVG element.
        examples: to listen to.
    """
    sections = [
        f"<h1>{escape(title)}</h1>",
        _definitions(facts),
        "<h2>Results</h2>",
        _results(summary),
        _notes(footnotes(summary)),
        _skipped(skipped),
        _comparisons(summary),
        f"<h2>Distributions over utterances</h2>\n<figure>{distributions}</figure>" if distributions else "",
        *(_breakdown(name, groups, summary) for name, groups in summary.breakdowns.items()),
        _listening(examples, summary) if examples else "",
        "<h2>Metrics</h2>",
        _definitions(citations),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{STYLE.read_text()}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def player(heading: str, clip: Player) -> str:
    """A spectrogram over the player of its sound."""
    return (
        f"<div class='clip'><h4>{escape(heading)}</h4>"
        f"<img src='{clip.picture}' alt='spectrogram of the {escape(heading)}'>"
        f"<audio controls preload='none' src='{clip.sound}'></audio></div>"
    )


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """A table of ready HTML cells; from column `numbers_from` on they are aligned as numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if i < numbers_from else " class='number'" for i in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{k}>{c}</{tag}>" for k, c in zip(kinds, cells, strict=True)) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows)
    return f"<div class='wide'><table>\n<thead>{row(header, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table></div>"


def _results(summary: Summary) -> str:
    marks = significance(summary)
    rows = []
    for quantity in summary.quantities:
        best = best_system(summary, quantity)
        cells = []
        for system in summary.systems:
            text = _with_small_margin(cell(summary, system, quantity)) + marks.get((system, quantity.name), "")
            cells.append(f"<b>{text}</b>" if system == best else text)
        rows.append([_heading(quantity), *cells])
    return html_table(["", *map(escape, summary.systems)], rows)


def _comparisons(summary: Summary) -> str:
    if not summary.comparisons:
        return ""
    heading = f"<h2>Compared with {escape(summary.systems[0])}</h2>"
    by_pair = {(c.system, c.quantity): c for c in summary.comparisons}
    rows = []
    for quantity in summary.quantities:
        cells = []
        for system in summary.systems[1:]:
            found = by_pair[system, quantity.name]
            digits = quantity.digits
            cells.append(
                f"{found.difference:+.{digits}f}<br><small>[{found.low:+.{digits}f}, {found.high:+.{digits}f}], "
                f"{escape(p_value(found))}</small>"
                if found.count
                else NO_VALUE
            )
        rows.append([_heading(quantity), *cells])
    note = "<p class='note'>Difference, its 95 % bootstrap interval, and the p-value after Holm's correction.</p>"
    return heading + html_table(["", *map(escape, summary.systems[1:])], rows) + note


def _breakdown(name: str, groups: Mapping[str, Mapping[str, Mapping[str, Estimate]]], summary: Summary) -> str:
    quantities = [q for q in summary.quantities if q.ratio is None][:MOST_BREAKDOWN_QUANTITIES]
    rows = []
    for group, systems in groups.items():
        for i, (system, found) in enumerate(systems.items()):
            count = max((e.count + e.undefined for e in found.values()), default=0)
            values = [_with_small_margin(_estimate_text(found[q.name], q)) for q in quantities]
            rows.append([escape(group) if i == 0 else "", escape(system), str(count), *values])
    header = [escape(name), "", "n", *map(_heading, quantities)]
    table = html_table(header, rows, numbers_from=2)
    return f"<details><summary>By {escape(name)}</summary>{table}</details>"


def _listening(examples: Examples, summary: Summary) -> str:
    parts = [f"<h2>Listen: {escape(examples.focus)}</h2>"]
    ranked = escape(examples.ranked_by.title)
    for heading, chosen in (("Worst", examples.worst), ("Median", examples.median)):
        parts.append(f"<h3>{heading} by {ranked}</h3>")
        parts += [_example(example, summary.quantities) for example in chosen]
    return "\n".join(parts)


def _example(example: Example, quantities: Sequence[Quantity]) -> str:
    values = ", ".join(
        f"{escape(q.title)} {number(example.values[q.name], q)}"
        for q in quantities
        if example.values.get(q.name, float("nan")) == example.values.get(q.name)
    )
    cut = f", first {example.excerpt:.1f} s" if example.excerpt < example.seconds else ""
    texts = "".join(f"<p class='text'><i>{escape(k)}</i> {escape(v)}</p>" for k, v in example.texts.items())
    return (
        f"<section class='example'><h4>{escape(example.name)} <small>{example.seconds:.1f} s{cut}</small></h4>"
        f"<p class='note'>{values}</p><div class='pair'>{player('original', example.original)}"
        f"{player('reconstruction', example.reconstruction)}</div>{texts}</section>"
    )


def _skipped(skipped: Mapping[str, str]) -> str:
    if not skipped:
        return ""
    items = (f"<li><b>{escape(name)}</b> <span class='how'>{escape(how)}</span></li>" for name, how in skipped.items())
    return f"<h3>Not measured</h3><ul>{''.join(items)}</ul>"


def _definitions(facts: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()) + "</dl>"


def _notes(notes: Sequence[str]) -> str:
    return "".join(f"<p class='note'>{escape(note)}</p>" for note in notes)


def _heading(quantity: Quantity) -> str:
    unit = f" <small>({escape(quantity.unit)})</small>" if quantity.unit else ""
    return f"{escape(quantity.title)}{unit} {quantity.arrow}"


def _estimate_text(found: Estimate, quantity: Quantity) -> str:
    return number(found.value, quantity) + margin(found, quantity)


def _with_small_margin(text: str) -> str:
    value, separator, rest = text.partition(" ")
    return f"{value} <small>{rest}</small>" if separator else value
