"""The report of an evaluation of speech: tables, report.json, a row an utterance, and one page to listen to."""

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavcube import __version__
from wavcube.audio.io import load_audio
from wavcube.evaluation.metrics import ChosenMetrics, Quantity, Recording
from wavcube.evaluation.report.page import (
    comparisons_section,
    definitions,
    distributions_section,
    heading_of,
    html_page,
    html_table,
    notes,
    results_table,
    skipped_metrics,
)
from wavcube.evaluation.report.pictures import distributions_svg, loudest_magnitude
from wavcube.evaluation.report.player import SCALE, playable, single_player
from wavcube.evaluation.report.tables import footnotes, markdown_table, number, values_text
from wavcube.evaluation.summary import Summary, summarise
from wavcube.files import atomic_path
from wavcube.generation.tts.evaluation.evaluate import RECORDINGS, write_json

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Text to speech"

EXAMPLES = 12
"""Texts to listen to: the worst half by word error rate, and as many from the middle."""


def write_speech_report(
    table: "pd.DataFrame",
    chosen: ChosenMetrics,
    folder: str | os.PathLike[str],
    facts: Mapping[str, Any],
    *,
    listen: bool = True,
) -> Summary:
    """Summarise what `evaluate_speech` measured: report.json, table.md, utterances.csv, and report.html.

    Intervals are 95 % bootstrap intervals over texts; all seeds of a text are drawn together. report.json also has the
    mean of every seed by itself.

    Args:
        table: that `evaluate_speech` returned.
        chosen: metrics, and those that could not run.
        folder: to write to.
        facts: model, list, solver, speed, machine, in words.
        listen: put sound and spectrograms into the page.
    """
    folder = Path(folder)
    summary = summarise(table, chosen.metrics, cluster="utterance")
    by_seed: dict[str, dict[str, dict[str, float]]] = {}
    for (system, seed), rows in table.groupby(["system", "seed"]):
        means = {q.name: float(rows[q.name].mean()) for q in summary.quantities if q.name in rows}
        means |= {
            q.name: float(q.scale * rows[q.ratio[0]].sum() / max(1.0, float(rows[q.ratio[1]].sum())))
            for q in summary.quantities
            if q.ratio and q.ratio[0] in rows
        }
        by_seed.setdefault(str(system), {})[str(seed)] = means
    estimates = {
        system: {name: asdict(found) for name, found in quantities.items() if found.count}
        for system, quantities in summary.estimates.items()
    }
    report = {
        "wavcube": __version__,
        "facts": dict(facts),
        "estimates": estimates,
        "by_seed": by_seed,
        "undefined": summary.undefined,
        "skipped": chosen.skipped,
    }
    write_json(folder / "report.json", report)
    with atomic_path(folder / "table.md") as path:
        path.write_text(markdown_table(summary), encoding="utf-8")
    with atomic_path(folder / "utterances.csv") as path:
        table.to_csv(path, index=False)
    examples = _examples(table, summary.quantities) if listen else []
    with atomic_path(folder / "report.html") as path:
        path.write_text(_page(table, summary, chosen, by_seed, facts, examples), encoding="utf-8")
    return summary


def _page(
    table: "pd.DataFrame",
    summary: Summary,
    chosen: ChosenMetrics,
    by_seed: Mapping[str, Mapping[str, Mapping[str, float]]],
    facts: Mapping[str, Any],
    examples: Sequence[str],
) -> str:
    model = summary.systems[0]
    sections = [
        f"<h1>{TITLE}</h1>",
        definitions({key.replace("_", " "): _fact(value) for key, value in facts.items()}),
        "<p>The voices belong to people: cloning a voice needs the consent of the person whose voice it is.</p>",
        "<h2>Results</h2>",
        results_table(summary),
        notes(footnotes(summary)),
        skipped_metrics(chosen.skipped),
        comparisons_section(summary),
        _seeds_section(summary, by_seed),
        distributions_section(distributions_svg(table, summary.quantities, summary.systems, model)),
        "\n".join([f"<h2>Listen: {html.escape(model)}</h2>", SCALE, *examples]) if examples else "",
        "<h2>Metrics</h2>",
        definitions({metric.name: metric.citation for metric in chosen.metrics}),
    ]
    return html_page(TITLE, sections)


def _fact(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _seeds_section(summary: Summary, by_seed: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The mean of each seed by itself; the true recordings have none."""
    columns = {
        f"{system}, seed {seed}": means
        for system, found in by_seed.items()
        if system != RECORDINGS and len(found) > 1
        for seed, means in found.items()
    }
    rows = [
        [heading_of(q), *(number(means.get(q.name, float("nan")), q) for means in columns.values())]
        for q in summary.quantities
    ]
    return "<h2>By seed</h2>" + html_table(["", *map(html.escape, columns)], rows) if columns else ""


def _examples(table: "pd.DataFrame", quantities: Sequence[Quantity]) -> list[str]:
    """Prompt, speech and true recording of some texts, as HTML; the texts with most word errors come first."""
    spoken = table[(table["system"] != RECORDINGS) & table["seconds"].notna()]
    spoken = spoken[spoken["seed"] == spoken["seed"].min()]
    if "wer" in spoken and spoken["wer"].notna().any():
        spoken = spoken.sort_values("wer", ascending=False, kind="stable")
    half = EXAMPLES // 2
    middle = max(half, len(spoken) // 2)
    chosen = [*spoken.index[:half], *spoken.index[middle : middle + half]]
    recorded = table[(table["system"] == RECORDINGS) & table["seconds"].notna()]
    true = recorded.drop_duplicates("utterance").set_index("utterance")["path"].to_dict()
    return [_example(spoken.loc[index], true, quantities) for index in chosen]


def _example(row: Any, true: Mapping[Any, str], quantities: Sequence[Quantity]) -> str:
    paths = {"prompt": row["prompt"], f"spoken, seed {row['seed']}": row["path"]}
    if row["utterance"] in true:
        paths["true recording"] = true[row["utterance"]]
    recordings = {name: Recording(load_audio(path), 16_000) for name, path in paths.items()}
    # Each by its own scale: prompts are not as loud as what is spoken.
    players = "".join(single_player(name, playable(one, loudest_magnitude(one))) for name, one in recordings.items())
    read = f"<p class='text'><i>read</i> {html.escape(row['hypothesis'])}</p>" if "hypothesis" in row else ""
    return (
        f"<section class='example'><h4>{html.escape(row['utterance'])} <small>{row['seconds']:.1f} s</small></h4>"
        f"<p class='note'>{html.escape(values_text(row, quantities))}</p><div class='pair'>{players}</div>"
        f"<p class='text'><i>text</i> {html.escape(row['text'])}</p>{read}</section>"
    )
