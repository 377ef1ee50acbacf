"""Build the documentation site with Zensical, strictly: `make docs`.

    python scripts/build_site.py

The pages of docs/ are put into build/pages together with what lies elsewhere in the repository (model cards, notebooks,
CHANGELOG and its like); links between them are made to fit. The site is build/site.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGES = REPOSITORY / "build/pages"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
ELSEWHERE = {
    "src/wavcube/codec/pretrained/nano/MODEL_CARD.md": "cards/wavcube-nano.md",
    "src/wavcube/generation/tts/pretrained/nano/MODEL_CARD.md": "cards/tts-nano.md",
    "src/wavcube/generation/enhancement/pretrained/small/MODEL_CARD.md": "cards/enhancement-small.md",
    "src/wavcube/generation/separation/pretrained/small/MODEL_CARD.md": "cards/separation-small.md",
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
}
"""Pages that lie outside of docs/, and where they are in the site."""


def gather() -> None:
    """Fill build/pages.

    Raises:
        SystemExit: a link goes to a file that is no page of the site.
    """
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(REPOSITORY / "docs", PAGES, ignore=shutil.ignore_patterns("*.md"))
    places = {page: page.relative_to(REPOSITORY / "docs") for page in sorted((REPOSITORY / "docs").rglob("*.md"))}
    places |= {REPOSITORY / source: Path(place) for source, place in ELSEWHERE.items()}
    notebooks = {path: Path("notebooks") / f"{path.stem}.md" for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    for source, place in (places | notebooks).items():
        if source.name == "README.md":
            continue
        text = as_markdown(source) if source.suffix == ".ipynb" else source.read_text(encoding="utf-8")
        target = PAGES / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(with_links(text, source, place, places | notebooks), encoding="utf-8")


def with_links(text: str, source: Path, place: Path, places: dict[Path, Path]) -> str:
    """A page's text with its links to files of the repository as links to pages of the site."""

    def moved(match: re.Match[str]) -> str:
        target = match[2]
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = (source.parent / target).resolve()
        if path not in places and path.is_relative_to(REPOSITORY / "docs") and path.is_file():
            found = path.relative_to(REPOSITORY / "docs")  # a picture
        elif path in places:
            found = places[path]
        else:
            sys.exit(f"{source.relative_to(REPOSITORY)}: links to {target}, which is no page of the site")
        return match[1] + "../" * (len(place.parts) - 1) + found.as_posix() + match[3]

    return LINK.sub(moved, text)


def as_markdown(notebook: Path) -> str:
    """The cells of a notebook as a page."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(parts) + f"\n\nThis page is the notebook `notebooks/{notebook.name}`.\n"


if __name__ == "__main__":
    gather()
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run([zensical, "build", "--strict", "--clean"], cwd=REPOSITORY, check=False)
    if done.returncode:
        sys.exit("the site was not built")
    print("the site is build/site; open build/site/index.html")
