"""The tables of docs/understanding.md, from the results of superb_small_run.sh.

    python scripts/superb_small_table.py runs/superb-small [docs/understanding.md]

One table is of SUPERB's tasks, one of SUPERB-SG's. A row for each figure of each task and data set, a column for each
representation; of several results of a cell (the model has changed since) the newest counts, and under the table stands
which weights, seeds and dates went in. Printed, or written into a document between the two markers of each table; one
of which there are no results stays as it is.
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
    "se.tsv": "LibriSpeech, noise and rooms; test: 10 other speakers, other noises and rooms",
    "ss.tsv": "LibriSpeech, two talkers; test: 10 other speakers",
    "vc.tsv": "EMO-DB: to one of its speakers from the nine others, two sentences that train has not",
}
COLUMNS = {"wavcube": "latents", "features": "encoder features", "logmel": "log-mel"}
END = "<!-- end -->"

Cells = dict[tuple[str, str, str], dict[str, Result]]
"""Results by task, data and form of SpecAugment, then by representation."""


class Superb:
    """The table of SUPERB's tasks: percent, with one decimal."""

    begin = "<!-- begin superb_small_table.py -->"
    header = ("figure, %", "small data", "train / dev / test", "steps")

    def holds(self, task: str) -> bool:
        return task not in SuperbSG.TASKS

    def heading(self, measure: Measure) -> str:
        return measure.heading

    def decimals(self, measure: Measure) -> int:
        return 1

    def training(self, result: Result) -> str:
        return f"{result.recipe['steps']:,}"


class SuperbSG(Superb):
    """The table of SUPERB-SG's tasks: every figure has its own unit, and every head its own size."""

    TASKS = ("se", "ss", "vc")
    begin = "<!-- begin superb_small_table.py, SUPERB-SG -->"
    header = ("figure", "small data", "train / dev / test", "layers x width, steps")

    def holds(self, task: str) -> bool:
        return task in self.TASKS

    def heading(self, measure: Measure) -> str:
        return f"{measure.heading}, {measure.unit}" if measure.unit else measure.heading

    def decimals(self, measure: Measure) -> int:
        return measure.decimals

    def training(self, result: Result) -> str:
        return f"{result.recipe['depth']} x {result.recipe['width']}, {result.recipe['steps']:,}"


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
    for form in (Superb(), SuperbSG()):
        own = {key: row for key, row in cells.items() if form.holds(key[0])}
        if not own:
            continue
        header = [*form.header, *COLUMNS.values()]
        text = "\n".join([markdown(header, table(own, form), "left"), *sources(own)])
        if arguments.document is None:
            print(text)
        else:
            insert(arguments.document, form.begin, text)


def insert(document: Path, begin: str, text: str) -> None:
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    old, _, after = rest.partition(END)
    if not old:
        sys.exit(f"{document}: has no {begin} ... {END}")
    with atomic_path(document) as path:
        path.write_text(f"{before}{begin}\n{text}\n{END}{after}", encoding="utf-8")


def table(cells: Cells, form: Superb) -> Iterator[list[str]]:
    for name, task in TASKS.items():
        for (owner, data, specaugment), row in cells.items():
            if owner != name:
                continue
            about = next(iter(row.values()))
            items = " / ".join(f"{count:,}" for count in about.items.values())
            augment = f" (SpecAugment {specaugment})" if specaugment != "off" else ""
            for measure in task.measures:
                found = {model: result.metrics.get(measure.name) for model, result in row.items()}
                if not any(found.values()):
                    continue  # it needs what was not given
                shown = [cell(found.get(model), found, measure, form.decimals(measure)) for model in COLUMNS]
                heading = f"{task.title.lower()}, {form.heading(measure)}{augment}"
                yield [heading, DATA[data], items, form.training(about), *shown]


def cell(estimate: Estimate | None, row: dict[str, Estimate | None], measure: Measure, decimals: int) -> str:
    if estimate is None:
        return "-"
    best = (max if measure.more_is_better else min)(other.value for other in row.values() if other)
    value, low, high = (f"{number:.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"**{value}** ({low} to {high})" if estimate.value == best and len(row) > 1 else f"{value} ({low} to {high})"


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
