"""The report of an evaluation of speech: tables, report.json, a row an utterance, and one page to listen to."""

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavcube import __version__
from wavcube.audio.io import load_audio
from wavcube.evaluation.metrics import ChosenMetrics, Recording
from wavcube.evaluation.report.examples import make_clip
from wavcube.evaluation.report.page import STYLE, html_table, player
from wavcube.evaluation.report.pictures import loudest_magnitude
from wavcube.evaluation.report.tables import markdown_table
from wavcube.evaluation.summary import Summary, summarise
from wavcube.files import atomic_path
from wavcube.generation.tts.evaluation.evaluate import RECORDINGS, write_json

if TYPE_CHECKING:
    import pandas as pd

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
    with atomic_path(folder / "report.html") as path:
        path.write_text(_page(summary, by_seed, facts, _examples(table) if listen else []), encoding="utf-8")
    return summary


def _page(
    summary: Summary,
    by_seed: Mapping[str, Mapping[str, Mapping[str, float]]],
    facts: Mapping[str, Any],
    examples: Sequence[str],
) -> str:
    title = "Text to speech"
    described = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd>" for k, v in facts.items())
    rows, seeds = [], []
    for quantity in summary.quantities:
        cells = []
        for system in summary.systems:
            found = summary.estimates[system][quantity.name]
            digits = quantity.digits
            interval = f"<small>[{found.low:.{digits}f}, {found.high:.{digits}f}]</small>"
            cells.append(f"{found.value:.{digits}f} {interval}" if found.count else "-")
        rows.append([html.escape(f"{quantity.title} {quantity.unit}".strip()), *cells])
    for system, found_by_seed in by_seed.items():
        for seed, means in found_by_seed.items():
            cells = [f"{means[q.name]:.{q.digits}f}" if q.name in means else "-" for q in summary.quantities]
            seeds.append([html.escape(system), seed if seed != "-1" else "", *cells])
    heads = [html.escape(q.title) for q in summary.quantities]
    sections = [
        f"<h1>{title}</h1><dl>{described}</dl>",
        "<p>The voices belong to people: cloning a voice needs the consent of the person whose voice it is.</p>",
        "<h2>Results</h2>" + html_table(["", *map(html.escape, summary.systems)], rows),
        "<p class='note'>With 95 % bootstrap intervals over texts, all seeds of a text drawn together.</p>",
        "<h2>By seed</h2>" + html_table(["", "seed", *heads], seeds, numbers_from=2),
        "<h2>Listen</h2>" + "\n".join(examples) if examples else "",
    ]
    body = "\n".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>\n{STYLE.read_text()}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _examples(table: "pd.DataFrame") -> list[str]:
    """Prompt, speech and true recording of some texts, as HTML."""
    spoken = table[(table["system"] != RECORDINGS) & table["seconds"].notna()]
    spoken = spoken[spoken["seed"] == spoken["seed"].min()]
    if "wer" in spoken and spoken["wer"].notna().any():
        spoken = spoken.sort_values("wer", ascending=False, kind="stable")
    half = EXAMPLES // 2
    middle = max(half, len(spoken) // 2)
    chosen = [*spoken.index[:half], *spoken.index[middle : middle + half]]
    recorded = table[(table["system"] == RECORDINGS) & table["seconds"].notna()]
    true = recorded.drop_duplicates("utterance").set_index("utterance")["path"].to_dict()
    sections = []
    for index in chosen:
        row = spoken.loc[index]
        paths = {"prompt": row["prompt"], "spoken": row["path"]}
        if row["utterance"] in true:
            paths["recording"] = true[row["utterance"]]
        recordings = {name: Recording(load_audio(path), 16_000) for name, path in paths.items()}
        loudest = loudest_magnitude(recordings["spoken"])
        players = "".join(player(name, make_clip(one, loudest)) for name, one in recordings.items())
        read = f"<p class='text'><i>read</i> {html.escape(row['hypothesis'])}</p>" if "hypothesis" in row else ""
        sections.append(
            f"<section class='example'><h4>{html.escape(row['utterance'])}</h4><div class='pair'>{players}</div>"
            f"<p class='text'><i>text</i> {html.escape(row['text'])}</p>{read}</section>"
        )
    return sections
