"""Links between pages lead somewhere, and pages name what exists."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import wavcube
from tests.documents.pages import PAGES
from tests.locations import REPOSITORY
from wavcube import errors

LINK = re.compile(r"\]\(([^)\s]+)\)")
CARDS = sorted((REPOSITORY / "src").rglob("MODEL_CARD.md"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_the_reference_has_every_public_name() -> None:
    text = (REPOSITORY / "docs/api.md").read_text(encoding="utf-8")
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type)]
    missing = [name for name in [*wavcube.__all__, *kinds] if name not in text and name != "WavCubeWarning"]
    assert missing == []


def test_every_packaged_model_is_on_the_page_of_models() -> None:
    text = (REPOSITORY / "docs/models.md").read_text(encoding="utf-8")
    assert [card for card in CARDS if f"../{card.relative_to(REPOSITORY)}" not in text] == []


def test_versions_agree() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == wavcube.__version__ == citation["version"]


def test_issue_forms_ask_for_the_environment() -> None:
    for form in ("bug", "model"):
        content = yaml.safe_load((REPOSITORY / f".github/ISSUE_TEMPLATE/{form}.yml").read_text(encoding="utf-8"))
        asked = {field["id"] for field in content["body"]}
        assert "environment" in asked
        assert len(asked) == len(content["body"])
