"""The log of a job showed nothing until its end."""

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from wavcube import WavCube
from wavcube.progress import Progress


def test_a_line_every_so_often(
    wavcube: Command, model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavcube.progress.SECONDS", 0.05)
    encode = WavCube.encode

    def slow(self: WavCube, *arguments: object, **options: object) -> object:
        time.sleep(0.5)
        return encode(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(WavCube, "encode", slow)
    outcome = wavcube("encode", corpus, "-o", tmp_path / "z", "-m", model, "--batch-seconds", "1")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert lines[0] == "encoded 0 of 3"
    assert any(line.startswith("encoded 1 of 3; ") and line.endswith(" x real time") for line in lines)
    assert outcome.out.count("\n") == 1


def test_nothing_where_it_is_quick_or_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as bar:
        bar.add_task("read", total=3)
    with Progress(disable=True) as bar:
        bar.add_task("read", total=3)
    assert capsys.readouterr() == ("", "")
