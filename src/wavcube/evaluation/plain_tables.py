"""Tables of texts: for the terminal, in Markdown, in LaTeX. What the cells hold is their callers' business."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.table import Table

Align = Literal["left", "right"]


def terminal(header: Sequence[str], rows: Iterable[Sequence[str]], align: Align = "right") -> Table:
    """The first column to the left; cells may hold rich's markup."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(header):
        table.add_column(heading, justify="left" if i == 0 else align, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], align: Align = "right") -> str:
    """The first column to the left; ends in a newline."""
    rule = ["---"] + ["---:" if align == "right" else "---"] * (len(header) - 1)
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in (header, rule, *rows)
    )


def latex(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A tabular of the package booktabs, the first column to the left; cells are LaTeX, see `escaped`."""
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule", _latex_row(header), r"\midrule"]
    return "\n".join([*lines, *map(_latex_row, rows), r"\bottomrule", r"\end{tabular}"]) + "\n"


def escaped(text: str) -> str:
    """Text as LaTeX, arrows included."""
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$")


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
