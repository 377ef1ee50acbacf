"""What tests of runs share: interruptions, looking into checkpoints."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from wavcube.engine.logger import RunLogger


def contents(checkpoint: Path) -> dict[str, object]:
    """Everything in a checkpoint: weights, both optimisers, average, random numbers, place in the data, counters."""
    found: dict[str, object] = {}
    for path in sorted(checkpoint.rglob("*.safetensors")):
        found.update({f"{path.name}/{name}": value for name, value in load_file(path).items()})
    for path in sorted(checkpoint.rglob("*.pt")):
        found[path.name] = torch.load(path, weights_only=True)
    found["state.json"] = json.loads((checkpoint / "trainer/state.json").read_text())
    return found


def assert_equal(a: object, b: object, where: str = "") -> None:
    """Bit for bit."""
    if isinstance(a, torch.Tensor):
        assert isinstance(b, torch.Tensor), where
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert isinstance(b, dict), where
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert isinstance(b, list | tuple), where
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}/{i}")
    else:
        assert a == b, where


def empty_recipe(folder: Path) -> Path:
    """A recipe that says nothing: all is in the settings."""
    path = folder / "recipe.yaml"
    path.write_text("{}\n")
    return path


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process Ctrl-C when a run reaches a step."""
    advance = RunLogger.advance

    def advance_and_interrupt(self: RunLogger, now: int) -> None:
        advance(self, now)
        if now == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(RunLogger, "advance", advance_and_interrupt)
