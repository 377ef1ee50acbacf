"""All results of a folder in the form of the paper's table: text, Markdown, LaTeX, JSON, and a picture."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table as TerminalTable

from wavcube.errors import DataError, MissingDependencyError
from wavcube.evaluation import plain_tables
from wavcube.files import atomic_path
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.results import RESULT, Estimate, Result
from wavcube.understanding.task import Measure
from wavcube.understanding.tasks import TASKS


@dataclass(frozen=True)
class Column:
    """One figure of a task on one data set."""

    task: str
    data: str
    measure: Measure


@dataclass
class Table:
    """Representations down, figures across, in the order of SUPERB.

    Attributes:
        columns: what each figure is; figures of different data are never in one column.
        rows: representation -> figures of its columns, None where there is none.
        results: all that went in.
    """

    columns: list[Column]
    rows: dict[str, list[Estimate | None]]
    results: list[Result]

    def headings(self) -> list[str]:
        """Of the representations' column, and of each figure's."""
        return ["Representation", *(self.heading(i) for i in range(len(self.columns)))]

    def heading(self, column: int) -> str:
        task, data, measure = self.columns[column].task, self.columns[column].data, self.columns[column].measure
        several = len({other.data for other in self.columns if other.task == task}) > 1
        name = f"{task.upper()} ({data})" if several else task.upper()
        unit = f" {measure.unit}" if measure.unit else ""
        return f"{name} {measure.heading}{unit} {'↑' if measure.more_is_better else '↓'}"

    def best(self, column: int) -> float | None:
        """The best value of a column, if there are two to compare."""
        values = [row[column].value for row in self.rows.values() if row[column] is not None]  # type: ignore[union-attr]
        if len(values) < 2:
            return None
        return max(values) if self.columns[column].measure.more_is_better else min(values)


def gather(folder: Path) -> Table:
    """Read all results below a folder; of a representation's several results of a task the newest file counts.

    Results of different seeds, settings or weights are different rows, labelled with what differs.

    Raises:
        DataError: there are none, or one is damaged.
    """
    files = sorted(folder.rglob(RESULT), key=lambda file: file.stat().st_mtime)
    if not files:
        raise DataError(f"{folder}: holds no results; run `wavcube superb TASK` first")
    results = [Result.load(file) for file in files]
    columns = [
        Column(name, data, measure)
        for name, task in TASKS.items()
        for data in sorted({result.data for result in results if result.task == name})
        for measure in task.measures
        if any(measure.name in result.metrics for result in results if (result.task, result.data) == (name, data))
    ]
    rows: dict[str, list[Estimate | None]] = {}
    for result in results:
        row = rows.setdefault(_label(result, results), [None] * len(columns))
        for i, column in enumerate(columns):
            if (result.task, result.data) == (column.task, column.data):
                row[i] = result.metrics.get(column.measure.name)
    return Table(columns, rows, results)


def write_report(table: Table, folder: Path) -> list[Path]:
    """Write superb.md, superb.tex, superb.json and superb.png; where they are.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    written = []
    for name, text in (
        ("superb.md", markdown(table)),
        ("superb.tex", latex(table)),
        ("superb.json", json.dumps([dataclasses.asdict(result) for result in table.results], indent=2) + "\n"),
    ):
        with atomic_path(folder / name) as path:
            path.write_text(text, encoding="utf-8")
        written.append(folder / name)
    with atomic_path(folder / "superb.png") as path:
        picture(table, path)
    return [*written, folder / "superb.png"]


def markdown(table: Table) -> str:
    """The table with 95 % intervals, the best of each column in bold, and the data under it."""
    rows = [
        [name, *(_cell(table, i, estimate, "**{}**", " ({} to {})") for i, estimate in enumerate(row))]
        for name, row in table.rows.items()
    ]
    return plain_tables.markdown(table.headings(), rows, "left") + "\n" + "\n".join(_notes(table.results)) + "\n"


def latex(table: Table) -> str:
    """The same as a tabular of booktabs, without intervals."""
    rows = [
        [plain_tables.escaped(name)]
        + [_cell(table, i, estimate, r"\textbf{{{}}}", "") for i, estimate in enumerate(row)]
        for name, row in table.rows.items()
    ]
    return plain_tables.latex([plain_tables.escaped(heading) for heading in table.headings()], rows)


def terminal(table: Table) -> TerminalTable:
    """The same for the terminal, without intervals."""
    rows = [
        [name, *(_cell(table, i, estimate, "[bold]{}[/bold]", "") for i, estimate in enumerate(row))]
        for name, row in table.rows.items()
    ]
    return plain_tables.terminal(table.headings(), rows)


def picture(table: Table, path: Path) -> None:
    """Bars with intervals, one panel a task's first figure.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise MissingDependencyError('the picture needs matplotlib: pip install "wavcube[superb]"') from error
    first = [i for i, column in enumerate(table.columns) if column.measure is TASKS[column.task].measures[0]]
    across = min(4, len(first))
    down = -(-len(first) // across)
    canvas = Canvas(figsize=(3.2 * across, 0.8 + (0.6 + 0.32 * len(table.rows)) * down), layout="constrained")
    axes = canvas.subplots(down, across, squeeze=False).flatten()
    names = list(table.rows)
    for axis, column in zip(axes, first, strict=False):
        shown = [(y, estimate) for y, row in enumerate(table.rows.values()) if (estimate := row[column]) is not None]
        places, metrics = [y for y, _ in shown], [estimate for _, estimate in shown]
        values = [estimate.value for estimate in metrics]
        errors = [
            [max(0.0, estimate.value - estimate.low) for estimate in metrics],
            [max(0.0, estimate.high - estimate.value) for estimate in metrics],
        ]
        axis.barh(places, values, xerr=errors, color=[f"C{y % 10}" for y in places], capsize=2)
        axis.set_yticks(range(len(names)), names if axis in axes[::across] else [""] * len(names), fontsize=8)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_title(table.heading(column), fontsize=9)
    for axis in axes[len(first) :]:
        axis.set_axis_off()
    canvas.savefig(path, dpi=150, format="png")


def _cell(table: Table, column: int, estimate: Estimate | None, bold: str, interval: str) -> str:
    if estimate is None:
        return "-"
    decimals = table.columns[column].measure.decimals
    text = f"{estimate.value:.{decimals}f}"
    if estimate.value == table.best(column):
        text = bold.format(text)
    return text + interval.format(f"{estimate.low:.{decimals}f}", f"{estimate.high:.{decimals}f}")


def _label(result: Result, results: Sequence[Result]) -> str:
    """The representation, with whatever distinguishes this result from others of the same name."""
    rivals = [
        r for r in results if (r.representation, r.task, r.data) == (result.representation, result.task, result.data)
    ]
    parts = []
    if len({r.fingerprint for r in rivals}) > 1:
        parts.append(result.model)
        if len({r.fingerprint for r in rivals if r.model == result.model}) > 1:
            parts.append(f"weights {result.fingerprint[-8:]}")
    if len({r.seed for r in rivals}) > 1:
        parts.append(f"seed {result.seed}")
    defaults = dataclasses.asdict(ProbeConfig())  # older results lack the settings that have come since
    for name in sorted({key for r in rivals for key in r.recipe}):
        if len({str(r.recipe.get(name, defaults.get(name))) for r in rivals}) > 1:
            parts.append(f"{name} {result.recipe.get(name, defaults.get(name))}")
    return result.representation + (f" ({', '.join(parts)})" if parts else "")


def _notes(results: Sequence[Result]) -> list[str]:
    """One line a task and data set: how much of it there is, and whether it is the official one."""
    notes = []
    for name, task in TASKS.items():
        for data in dict.fromkeys(r.data for r in results if r.task == name):
            result = next(r for r in results if r.task == name and r.data == data)
            kind = "official layout" if result.official else "own data, not comparable with published figures"
            hours = " / ".join(f"{seconds / 3600:.2f}" for seconds in result.seconds.values())
            items = " / ".join(str(count) for count in result.items.values())
            text = (
                f"- {name.upper()} ({task.title}): {data}, {kind}; {items} recordings, {hours} h (train / dev / test)"
            )
            forms = sorted({str(r.recipe.get("specaugment")) for r in results if (r.task, r.data) == (name, data)})
            notes.append(f"{text}; SpecAugment {' and '.join(forms)}" if name in ("asr", "sf") else text)
            measured = {key for r in results if (r.task, r.data) == (name, data) for key in r.metrics}
            lacking = (measure for measure in task.measures if measure.name not in measured)
            notes += [f"- {name.upper()} ({data}): {measure.left_out}" for measure in lacking]
    return [*notes, "- In parentheses: 95 % bootstrap interval over test items; arrows say which way is better."]
