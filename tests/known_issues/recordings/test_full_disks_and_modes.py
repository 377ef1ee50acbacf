"""Latents that only their owner could read, and full disks that were called anything but full."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from tests.cli.conftest import Command
from tests.cli.test_tts import PROMPT
from wavcube import Latents, WavCube, save_audio
from wavcube.errors import WavCubeError
from wavcube.features.shards import FrameShardWriter
from wavcube.files import atomic_path
from wavcube.latent_files import LATENT_SUFFIXES

FULL = OSError(28, "No space left on device")


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_follow_the_umask(wavcube: Command, model: Path, corpus: Path, tmp_path: Path, umask: int) -> None:
    for form in ("safetensors", "npy", "pt"):
        assert wavcube("encode", corpus / "a.flac", "-o", tmp_path / "z", "-m", model, "--format", form).code == 0
    assert wavcube("reconstruct", corpus / "a.flac", "-o", tmp_path / "z", "-m", model).code == 0
    loaded = WavCube.from_pretrained(model)
    loaded.save_pretrained(tmp_path / "m")
    loaded.save_pretrained(tmp_path / "shards", max_shard_size="100KB")
    with atomic_path(tmp_path / "by-a-library") as path:
        path.unlink()
        os.close(os.open(path, os.O_CREAT, 0o600))
    files = [path for path in tmp_path.rglob("*") if path.is_file() and corpus not in path.parents]
    assert len(files) > 8
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path


def write_bytes(*_: object) -> None:
    raise FULL


@pytest.mark.parametrize("name", ["a.safetensors", "a.npy", "a.pt", "a.wav", "a.flac"])
def test_a_full_disk_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    latents = Latents(torch.zeros(1, 3, 4), torch.tensor([3]), 50.0)
    save = latents.save if Path(name).suffix in LATENT_SUFFIXES else partial(save_audio, waveform=np.zeros(10))
    with pytest.raises(WavCubeError, match=rf"{name}: cannot be written \(the disk is full\)"):
        save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(122, "Disk quota exceeded"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_checkpoint_on_a_full_disk(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    loaded = WavCube.from_pretrained(model)
    monkeypatch.setattr("huggingface_hub.save_torch_state_dict", fail)
    if isinstance(error, RuntimeError):  # says nothing of the disk: that it has no room has to be seen
        monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage())
    with pytest.raises(WavCubeError, match=r"the checkpoint cannot be written \(the disk is full\)"):
        loaded.save_pretrained(tmp_path / "m")
    assert not list((tmp_path / "m").iterdir())


class _Usage:
    free = 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("command", [["info"], ["--help"], ["encode", "--help"], ["--version"]])
def test_an_output_that_is_full(command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        outcome = subprocess.run([sys.executable, "-m", "wavcube", *command], stdout=full, stderr=subprocess.PIPE)
    assert outcome.returncode == 1
    assert outcome.stderr.decode() == "error: the output: the disk is full\n"


def test_what_could_not_be_written_is_named(tmp_path: Path) -> None:
    """Frames of a probe beyond `ulimit -f` were "the output: File too large"."""

    def fail(*_: object) -> None:
        raise OSError(27, "File too large")

    writer = FrameShardWriter(tmp_path, 4)
    writer.file = SimpleNamespace(write=fail, flush=fail)  # type: ignore[assignment]
    with pytest.raises(OSError, match="File too large") as found:
        writer.add("content", np.zeros((2, 4), np.float16))
    assert found.value.filename == str(writer.temporary)
    with pytest.raises(OSError, match="File too large") as found, atomic_path(tmp_path / "a.json"):
        fail()
    assert found.value.filename == str(tmp_path / "a.json")


@pytest.mark.parametrize("words", [["info"], ["tts", "Hello.", "-p", str(PROMPT), "-o", "-"]])
def test_an_output_that_is_closed(words: list[str]) -> None:
    command = ["bash", "-c", '"$@" >&-', "bash", sys.executable, "-m", "wavcube", *words]
    outcome = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert "Traceback" not in outcome.stderr
    assert outcome.returncode == (0 if words == ["info"] else 1)
