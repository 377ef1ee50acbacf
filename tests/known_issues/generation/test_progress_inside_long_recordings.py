"""`wavcube enhance`, `separate` and `convert-voice` of one long recording showed nothing until it was done."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.generation.enhancement.small import small_enhancer
from tests.generation.separation.small import small_separator
from tests.locations import SPEECH
from wavcube.audio.io import save_audio
from wavcube.codec import WavCube
from wavcube.generation.conversion import pipeline as conversion
from wavcube.generation.regression import pipeline as regression


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "long [1].wav"
    save_audio(path, 0.1 * np.random.default_rng(0).standard_normal(41 * 16_000).astype(np.float32))
    return path


@pytest.mark.parametrize("tool", ["enhance", "separate", "convert-voice"])
@pytest.mark.filterwarnings("ignore:the target's recordings hold only")
def test_a_line_for_the_seconds_that_are_done(
    wavcube: Command, model: Path, recording: Path, tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavcube.progress.SECONDS", 0.02)
    for module, name in ((regression, "encode"), (conversion, "nearest")):
        slowed(monkeypatch, module, name)
    out = tmp_path / "out"
    if tool == "convert-voice":
        more = ("--target", SPEECH / "LJ001-0013.opus", "-o", out)
    else:
        small = small_enhancer if tool == "enhance" else small_separator
        small(WavCube.from_pretrained(model), f"wavcube:{model}").save_pretrained(tmp_path / "small")
        more = ("-m", tmp_path / "small", "-o", out)
    outcome = wavcube(tool, recording, *more)
    assert outcome.code == 0, outcome.err
    lines = outcome.err.splitlines()
    found = [
        re.fullmatch(r"long \[1\]\.wav: seconds (\d+) of 41; \S+ x real time(; \d+ s left)?", line) for line in lines
    ]
    seconds = [int(match[1]) for match in found if match]
    assert len({second for second in seconds if 0 < second < 41}) >= 2, lines
    assert seconds == sorted(seconds)


def slowed(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Every piece of a recording takes a fifth of a second longer."""
    function = getattr(module, name)

    def slow(*arguments: Any) -> Any:
        time.sleep(0.2)
        return function(*arguments)

    monkeypatch.setattr(module, name, slow)
