"""One HTML page that stands alone: the table, distributions, breakdowns, and utterances to listen to."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from wavcube.evaluation.metric import Quantity
from wavcube.evaluation.report.examples import Example, Examples
from wavcube.evaluation.report.player import SCALE, SCRIPT, switched_player
from wavcube.evaluation.report.player import STYLE as PLAYER_STYLE
from wavcube.evaluation.report.tables import (
    NO_VALUE,
    best_system,
    cell,
    footnotes,
    margin,
    number,
    p_value,
    significance,
    values_text,
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
        definitions(facts),
        "<h2>Results</h2>",
        results_table(summary),
        notes(footnotes(summary)),
        skipped_metrics(skipped),
        comparisons_section(summary),
        distributions_section(distributions),
        *(_breakdown(name, groups, summary) for name, groups in summary.breakdowns.items()),
        _listening(examples, summary) if examples else "",
        "<h2>Metrics</h2>",
        definitions(citations),
    ]
    return html_page(title, sections)


def html_page(title: str, sections: Iterable[str]) -> str:
    """A whole page of ready HTML sections, with the style of all reports; empty sections are left out."""
    style = STYLE.read_text(encoding="utf-8") + PLAYER_STYLE.read_text(encoding="utf-8")
    body = "\n".join(section for section in sections if section)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>\n</body>\n</html>\n"
    )


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """A table of ready HTML cells; from column `numbers_from` on they are aligned as numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if i < numbers_from else " class='number'" for i in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{k}>{c}</{tag}>" for k, c in zip(kinds, cells, strict=True)) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows)
    return f"<div class='wide'><table>\n<thead>{row(header, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table></div>"


def results_table(summary: Summary) -> str:
    """A row a quantity, a column a system, the best in bold."""
    marks = significance(summary)
    rows = []
    for quantity in summary.quantities:
        best = best_system(summary, quantity)
        cells = []
        for system in summary.systems:
            text = _with_small_margin(cell(summary, system, quantity)) + marks.get((system, quantity.name), "")
            cells.append(f"<b>{text}</b>" if system == best else text)
        rows.append([heading_of(quantity), *cells])
    return html_table(["", *map(escape, summary.systems)], rows)


def distributions_section(picture: str) -> str:
    """The SVG of `distributions_svg`; nothing without it."""
    return f"<h2>Distributions over utterances</h2>\n<figure>{picture}</figure>" if picture else ""


def comparisons_section(summary: Summary) -> str:
    """Differences from the first system; nothing where it is alone."""
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
            small = [f"[{found.low:+.{digits}f}, {found.high:+.{digits}f}]", p_value(found)]
            text = f"{found.difference:+.{digits}f}<br><small>{escape(', '.join(filter(None, small)))}</small>"
            cells.append(text if found.count else NO_VALUE)
        rows.append([heading_of(quantity), *cells])
    tested = any(c.p_holm == c.p_holm for c in summary.comparisons)
    p_values = ", and the p-value after Holm's correction" if tested else ""
    return (
        heading
        + html_table(["", *map(escape, summary.systems[1:])], rows)
        + notes([f"Difference and its 95 % bootstrap interval{p_values}."])
    )


def _breakdown(name: str, groups: Mapping[str, Mapping[str, Mapping[str, Estimate]]], summary: Summary) -> str:
    quantities = [q for q in summary.quantities if q.ratio is None][:MOST_BREAKDOWN_QUANTITIES]
    rows = []
    for group, systems in groups.items():
        for i, (system, found) in enumerate(systems.items()):
            count = max((e.count + e.undefined for e in found.values()), default=0)
            values = [_with_small_margin(_estimate_text(found[q.name], q)) for q in quantities]
            rows.append([escape(group) if i == 0 else "", escape(system), str(count), *values])
    header = [escape(name), "", "n", *map(heading_of, quantities)]
    table = html_table(header, rows, numbers_from=2)
    return f"<details><summary>By {escape(name)}</summary>{table}</details>"


def _listening(examples: Examples, summary: Summary) -> str:
    parts = [f"<h2>Listen: {escape(examples.focus)}</h2>", SCALE]
    ranked = escape(examples.ranked_by.title)
    worst = "Worst" if examples.median else "All, the worst first,"
    for heading, chosen in ((worst, examples.worst), ("Median", examples.median)):
        if chosen:
            parts.append(f"<h3>{heading} by {ranked}</h3>")
            parts += [_example(example, summary.quantities) for example in chosen]
    return "\n".join(parts)


def _example(example: Example, quantities: Sequence[Quantity]) -> str:
    cut = f", first {example.excerpt:.1f} s" if example.excerpt < example.seconds else ""
    texts = "".join(f"<p class='text'><i>{escape(k)}</i> {escape(v)}</p>" for k, v in example.texts.items())
    return (
        f"<section class='example'><h4>{escape(example.name)} <small>{example.seconds:.1f} s{cut}</small></h4>"
        f"<p class='note'>{escape(values_text(example.values, quantities))}</p>"
        f"{switched_player({'original': example.original, 'reconstruction': example.reconstruction})}{texts}</section>"
    )


def skipped_metrics(skipped: Mapping[str, str]) -> str:
    """What was not measured, and how it can be; nothing where all was."""
    if not skipped:
        return ""
    items = (f"<li><b>{escape(name)}</b> <span class='how'>{escape(how)}</span></li>" for name, how in skipped.items())
    return f"<h3>Not measured</h3><ul>{''.join(items)}</ul>"


def definitions(facts: Mapping[str, str]) -> str:
    """A list of names and what they are."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()) + "</dl>"


def notes(texts: Sequence[str]) -> str:
    """Small print, a paragraph each."""
    return "".join(f"<p class='note'>{escape(text)}</p>" for text in texts)


def heading_of(quantity: Quantity) -> str:
    """Title, unit, and the direction that is better."""
    unit = f" <small>({escape(quantity.unit)})</small>" if quantity.unit else ""
    return f"{escape(quantity.title)}{unit} {quantity.arrow}"


def _estimate_text(found: Estimate, quantity: Quantity) -> str:
    return number(found.value, quantity) + margin(found, quantity)


def _with_small_margin(text: str) -> str:
    value, separator, rest = text.partition(" ")
    return f"{value} <small>{rest}</small>" if separator else value
