import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.locations import SPEECH
from wavcube.cli import main
from wavcube.codec import WavCube, WavCubeConfig


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def wavcube(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, in this process: `wavcube("encode", path, "-o", folder)`."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["wavcube", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


def save_model(folder: Path, seed: int, **bottleneck: int) -> Path:
    torch.manual_seed(seed)
    settings = WavCubeConfig.preset("tiny").to_dict()
    settings["bottleneck"].update(bottleneck)
    WavCube(WavCubeConfig.from_dict(settings)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), seed=0)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three recordings of unequal length, in folders."""
    folder = tmp_path / "corpus"
    for source, target in [
        ("p287_002.flac", "a.flac"),
        ("LJ001-0013.opus", "x/b.opus"),
        ("328-129766-0000.opus", "x/y/c.opus"),
    ]:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SPEECH / source, folder / target)
    return folder
