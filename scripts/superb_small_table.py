"""The table of docs/understanding.md, from the results of superb_small_run.sh.

    python scripts/superb_small_table.py runs/superb-small [docs/understanding.md]

A row for each figure of each task and data set, a column for each representation; of several results of a cell (the
model has changed since) the newest counts, and under the table stands which weights, seeds and dates went in. Printed,
or written into a document between its two markers.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from wavcube.evaluation.plain_tables import markdown
from wavcube.files import atomic_path
from wavcube.understanding import TASKS
from wavcube.understanding.results import RESULT, Estimate, Result
from wavcube.understanding.task import Measure

DATA = {
    "ks-wake.tsv": "six wake words (Picovoice), by lot",
    "ks-digits.tsv": "Free Spoken Digits; 3 speakers train, 1 dev, 2 others test",
    "sid-an4.tsv": "CMU AN4, 74 speakers",
    "asv-an4.tsv": "CMU AN4; 62 speakers train, 12 dev, 10 others test",
    "ic-coffee.tsv": "coffee orders (Picovoice), drink and size both right, by lot",
    "pr-english.tsv": "AN4, synthetic and read English, CMUdict; test: 22 other speakers, real",
    "asr-an4.tsv": "CMU AN4; 62 speakers train, 12 dev, 9 others test",
}
COLUMNS = {"wavcube": "latents", "features": "encoder features", "logmel": "log-mel"}
HEADER = ["figure, %", "small data", "train / dev / test", "steps", *COLUMNS.values()]
BEGIN, END = "<!-- begin superb_small_table.py -->", "<!-- end -->"

Cells = dict[tuple[str, str, str], dict[str, Result]]
"""Results by task, data and form of SpecAugment, then by representation."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("document", type=Path, nargs="?")
    arguments = parser.parse_args()
    cells: Cells = {}
    for file in sorted(arguments.results.rglob(RESULT), key=lambda file: file.stat().st_mtime):
        result = Result.load(file)
        if result.model in COLUMNS:
            cells.setdefault((result.task, result.data, result.recipe["specaugment"]), {})[result.model] = result
    text = "\n".join([markdown(HEADER, table(cells), "left"), *sources(cells)])
    if arguments.document is None:
        print(text)
        return
    before, _, rest = arguments.document.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    if not old:
        sys.exit(f"{arguments.document}: has no {BEGIN} ... {END}")
    with atomic_path(arguments.document) as path:
        path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def table(cells: Cells) -> Iterator[list[str]]:
    for name, task in TASKS.items():
        for (owner, data, form), row in cells.items():
            if owner != name:
                continue
            about = next(iter(row.values()))
            items = " / ".join(f"{count:,}" for count in about.items.values())
            augment = f" (SpecAugment {form})" if form != "off" else ""
            for measure in task.measures:
                found = {model: result.metrics[measure.name] for model, result in row.items()}
                shown = [cell(found.get(model), found, measure) for model in COLUMNS]
                heading = f"{task.title.lower()}, {measure.heading}{augment}"
                yield [heading, DATA[data], items, f"{about.recipe['steps']:,}", *shown]


def cell(estimate: Estimate | None, row: dict[str, Estimate], measure: Measure) -> str:
    if estimate is None:
        return "-"
    best = (max if measure.more_is_better else min)(other.value for other in row.values())
    value = f"**{estimate.value:.1f}**" if estimate.value == best and len(row) > 1 else f"{estimate.value:.1f}"
    return f"{value} ({estimate.low:.1f} to {estimate.high:.1f})"


def sources(cells: Cells) -> Iterator[str]:
    """A line for each representation: its weights, seeds and dates; a warning where weights are mixed."""
    for model, column in COLUMNS.items():
        used = [row[model] for row in cells.values() if model in row]
        fingerprints = sorted({result.fingerprint for result in used})
        seeds, dates = sorted({str(result.seed) for result in used}), sorted({result.date for result in used})
        if used:
            yield f"- {column}: `{'`, `'.join(fingerprints)}`; seed {', '.join(seeds)}; {', '.join(dates)}"
        if len(fingerprints) > 1:
            print(f"warning: {column}: results of several weights; run the older parts again", file=sys.stderr)


if __name__ == "__main__":
    main()
