"""The log of a job showed nothing until its end."""

import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from wavcube import WavCube
from wavcube import progress as progress_module
from wavcube.engine.logger import RunLogger
from wavcube.progress import Progress, stages, time_left, track


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
    assert any(re.match(r"encoded 1 of 3; .* x real time(; \d+ s left)?$", line) for line in lines)
    assert outcome.out.count("\n") == 1


def test_nothing_where_it_is_quick_or_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as bar:
        bar.add_task("read", total=3)
    with Progress(disable=True) as bar:
        bar.add_task("read", total=3)
    assert capsys.readouterr() == ("", "")


def test_loops_and_stages_have_lines_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Reading headers, searching for queries and evaluating text to speech were silent."""
    monkeypatch.setattr("wavcube.progress.SECONDS", 0.05)
    for _ in track(range(4), "reading headers"):
        time.sleep(0.1)
    with stages("speaking") as report:
        for what in ("spoken", "measured"):
            for done in range(3):
                report(what, done + 1, 3)
                time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    for begin in ("reading headers ", "spoken 1 of 3", "measured 2 of 3"):
        assert any(line.startswith(begin) for line in lines), lines


def test_lines_say_how_long_it_will_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job's log, of training above all, had no remaining time."""
    now = iter(range(0, 1000, 5))
    bar = Progress(get_time=lambda: next(now))
    task = bar.add_task("encoded", total=100)
    assert time_left(bar.tasks[0]) == ""
    for _ in range(3):
        bar.advance(task, 1)
    assert re.fullmatch(r"\d+ min left", time_left(bar.tasks[0]))
    bar.update(task, completed=100)
    assert time_left(bar.tasks[0]) == ""
    with RunLogger(tmp_path, 0, 100_000, active=True) as log:
        for step in range(3):
            time.sleep(0.05)
            log.advance(step + 1)
        log.scalars(3, {"train/loss": 1.0}, "loss 1.0")
    assert re.search(r"step 3: loss 1\.0 \| .* left", capsys.readouterr().err)


def test_every_loop_of_the_package_goes_through_it() -> None:
    """`rich`'s own bars print nothing without a terminal. Training writes lines of its own, and so does the probe."""
    own = {"progress.py", "engine/logger.py", "cli/probe.py"}
    source = Path(progress_module.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.relative_to(source).as_posix() not in own:
            assert ".status(" not in text, path
            assert not re.search(r"rich\.progress import [^\n]*\b(track|Progress)\b(?!Column)", text), path
