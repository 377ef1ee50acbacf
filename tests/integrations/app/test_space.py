"""The Hugging Face Space: its header is what the hub reads, and its program is the page."""

import re
import tomllib

import yaml

from tests.locations import REPOSITORY

SPACE = REPOSITORY / "spaces/wavcube"


def test_the_header_says_what_runs_it() -> None:
    _, header, _ = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    said = yaml.safe_load(header)
    assert (said["sdk"], said["app_file"]) == ("gradio", "app.py")
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "gradio>=6.0,<7" in extras["demo"]
    assert re.fullmatch(r"6\.\d+\.\d+", said["sdk_version"])
    assert len(said["short_description"]) <= 60  # the hub takes no more


def test_the_program_is_the_page() -> None:
    program = (SPACE / "app.py").read_text(encoding="utf-8")
    compile(program, "app.py", "exec")
    assert len(program.splitlines()) <= 5
    assert "serve(host=None)" in program  # the Space says where to listen
