"""Names of files that are not UTF-8, as old disks and other systems have them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from wavcube import Latents, WavCube, load_audio, save_audio


@pytest.fixture
def folder(corpus: Path, tmp_path: Path) -> Path:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (corpus / "a.flac").rename(folder / os.fsdecode(b"gr\xfc\xdfe.flac"))
    (folder / os.fsdecode(b"bad\xff.wav")).write_text("no audio")
    return folder


@pytest.mark.parametrize("form", ["safetensors", "npy", "pt"])
def test_there_and_back(wavcube: Command, model: Path, folder: Path, form: str) -> None:
    name = os.fsdecode(b"gr\xfc\xdfe")
    outcome = wavcube("encode", folder, "-o", folder / "z", "-m", model, "--format", form)
    assert outcome.code == 1  # for the bad one
    assert "encoded 1 file," in outcome.out
    latents = Latents.load(folder / "z" / f"{name}.{form}")
    assert latents.metadata[0]["name"] == "gr\\xfc\\xdfe.flac"
    assert wavcube("decode", folder / "z", "-o", folder / "d", "-m", model, "--format", "flac").code == 0
    assert len(load_audio(folder / "d" / f"{name}.flac")) > 50_000
    assert (
        "1 existed already" in wavcube("decode", folder / "z", "-o", folder / "d", "-m", model, "--format", "flac").out
    )


def test_info_and_errors(folder: Path, model: Path) -> None:
    """In processes of their own, whose output is a pipe and strict."""
    environment = {**os.environ, "PYTHONIOENCODING": "", "LC_ALL": "C.UTF-8"}
    for name, code in ((b"gr\xfc\xdfe.flac", 0), (b"bad\xff.wav", 1)):
        outcome = subprocess.run(
            [sys.executable, "-m", "wavcube", "info", folder / os.fsdecode(name)], capture_output=True, env=environment
        )
        assert outcome.returncode == code, outcome.stderr
        assert b"Traceback" not in outcome.stderr
        assert b"\\" in outcome.stdout + outcome.stderr


def test_in_python(folder: Path, model: Path) -> None:
    path = folder / os.fsdecode(b"gr\xfc\xdfe.flac")
    loaded = WavCube.from_pretrained(model)
    loaded.save_pretrained(folder / os.fsdecode(b"m\xf6del"))
    again = WavCube.from_pretrained(folder / os.fsdecode(b"m\xf6del"))
    latents = again.encode([path], 16_000)
    for suffix in ("safetensors", "pt", "npy"):
        latents.save(folder / os.fsdecode(b"z\xfc." + suffix.encode()))
        assert Latents.load(folder / os.fsdecode(b"z\xfc." + suffix.encode())).values.shape == latents.values.shape
    save_audio(folder / os.fsdecode(b"\xe9.wav"), np.zeros(100, np.float32))
