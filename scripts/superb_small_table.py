"""Print the table of docs/understanding.md from the results of superb_small_run.sh.

    python scripts/superb_small_table.py runs/superb-small

A row for each task and data, a column for each representation; of several results of a cell (the model has changed
since) the newest counts, and under the table stands which weights, seeds and dates went in.
"""

import sys
from pathlib import Path

from wavcube.understanding import TASKS
from wavcube.understanding.results import RESULT, Result

DATA = {
    "ks-wake.tsv": "six wake words (Picovoice), by lot",
    "ks-digits.tsv": "Free Spoken Digits; 3 speakers train, 1 dev, 2 others test",
    "sid-an4.tsv": "CMU AN4, 74 speakers",
    "asv-an4.tsv": "CMU AN4; 62 speakers train, 12 dev, 10 others test",
    "ic-coffee.tsv": "coffee orders (Picovoice), drink and size, by lot",
    "pr-english.tsv": "AN4, synthetic and read English, CMUdict; test: other speakers, real",
    "asr-an4.tsv": "CMU AN4; 62 speakers train, 12 dev, 9 others test",
}
COLUMNS = {"wavcube": "latents", "features": "encoder features", "logmel": "log-mel"}


def main() -> None:
    folder = Path(sys.argv[1])
    files = sorted(folder.rglob(RESULT), key=lambda file: file.stat().st_mtime)
    cells: dict[tuple[str, str, str], dict[str, Result]] = {}
    for result in map(Result.load, files):
        if result.model in COLUMNS:
            form = result.recipe["specaugment"]
            cells.setdefault((result.task, result.data, form), {})[result.model] = result
    print(f"| task | data | train / dev / test | steps | {' | '.join(COLUMNS.values())} |")
    print(f"|{' --- |' * (4 + len(COLUMNS))}")
    for name, task in TASKS.items():
        for (owner, data, form), row in cells.items():
            if owner != name:
                continue
            any_result = next(iter(row.values()))
            augment = f" (SpecAugment {form})" if form != "off" else ""
            items = " / ".join(f"{count:,}" for count in any_result.items.values())
            for measure in task.measures:
                best = [result.figures[measure.name].value for result in row.values()]
                top = max(best) if measure.more_is_better else min(best)
                figures = []
                for model in COLUMNS:
                    figure = row[model].figures[measure.name] if model in row else None
                    if figure is None:
                        figures.append("-")
                        continue
                    value = f"{figure.value:.1f}"
                    value = f"**{value}**" if figure.value == top and len(row) > 1 else value
                    figures.append(f"{value} ({figure.low:.1f} to {figure.high:.1f})")
                title = f"{task.title.lower()}, {measure.heading}{augment}"
                steps = f"{any_result.recipe['steps']:,}"
                print(f"| {title} | {DATA.get(data, data)} | {items} | {steps} | {' | '.join(figures)} |")
    used = [result for row in cells.values() for result in row.values()]
    print()
    for model in COLUMNS:
        mine = [result for result in used if result.model == model]
        identities = sorted({result.identity for result in mine})
        dates = sorted({result.date for result in mine})
        if mine:
            print(
                f"{COLUMNS[model]}: {', '.join(identities)}; seeds {sorted({r.seed for r in mine})}; {', '.join(dates)}"
            )
        if len(identities) > 1:
            print(
                f"warning: {model} has results of several weights; run the parts that are older again", file=sys.stderr
            )


if __name__ == "__main__":
    main()
