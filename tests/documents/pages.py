"""The pages that users read, and the fenced blocks of code in them.

Two comments, which no renderer shows, may stand in the line before a block:

    <!-- not run: REASON -->    tests check its commands and options, and do not run it
    <!-- before: CODE -->       Python that is run first, for what the page takes as given
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.locations import REPOSITORY

PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]

FENCE = re.compile(r"^```(\w*)\s*$")
COMMENT = re.compile(r"^<!-- (not run|before): (.+) -->$")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the file.
        line: of its fence, from 1.
        language: as the fence names it, or "".
        text: the code.
        not_run: the reason why it is not run, or "".
        before: Python to run first, or "".
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str
    before: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    lines = page.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        if fence:
            end = number + 1 + lines[number + 1 :].index("```")
            comments = _comments(lines[:number])
            found.append(
                Block(
                    page,
                    number + 1,
                    fence[1],
                    "\n".join(lines[number + 1 : end]),
                    comments.get("not run", ""),
                    comments.get("before", ""),
                )
            )
            number = end
        number += 1
    return found


def _comments(before: list[str]) -> dict[str, str]:
    found = {}
    for line in reversed(before):
        comment = COMMENT.match(line)
        if not comment:
            break
        found[comment[1]] = comment[2]
    return found
