"""The wheel said MIT alone, and carries weights and a clip under CC-BY-4.0."""

import re
import tomllib

from tests.locations import REPOSITORY


def test_the_project_names_both_licences_and_where_it_comes_from() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT AND CC-BY-4.0"
    texts = [(REPOSITORY / name).read_text(encoding="utf-8") for name in project["license-files"]]
    assert any("MIT License" in text for text in texts)
    covered = [REPOSITORY / name for name in project["license-files"]]
    data = {"*.safetensors", "*.flac"}
    for path in (path for pattern in data for path in (REPOSITORY / "src").rglob(pattern)):
        assert any(path.parent == licence.parent for licence in covered), f"{path} has no licence beside it"
    assert all(re.search(r"CC[- ]BY[- ]4\.0", text) for text in texts[1:])
    assert all(url.startswith("https://") for url in project["urls"].values())
    assert project["urls"]
