"""The site builds strictly, and holds every page."""

import importlib.util
import subprocess
import sys

import pytest

from tests.documents.pages import PAGES
from tests.locations import REPOSITORY


def test_the_site_builds() -> None:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("could not import 'zensical'")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts/build_site.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site = REPOSITORY / "build/site"
    for page in PAGES:
        if page.parent == REPOSITORY / "docs":
            assert (site / ("index.html" if page.stem == "index" else f"{page.stem}/index.html")).is_file(), page
    assert (site / "cards/wavcube-nano/index.html").is_file()


def test_every_page_is_in_the_navigation() -> None:
    navigation = (REPOSITORY / "zensical.toml").read_text(encoding="utf-8")
    names = [page.name for page in PAGES if page.parent == REPOSITORY / "docs"]
    names += [f"notebooks/{path.stem}.md" for path in (REPOSITORY / "notebooks").glob("*.ipynb")]
    assert [name for name in names if f'"{name}"' not in navigation] == []
