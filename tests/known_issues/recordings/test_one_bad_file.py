"""One bad file ended the run of a folder with a traceback: whatever happens to one is its own error."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.cli.conftest import Command
from wavcube import Latents, WavCube, load_audio, save_audio
from wavcube.errors import LatentsError


@pytest.fixture
def latents(model: Path, corpus: Path, tmp_path: Path) -> Path:
    """A folder with good latents of 50 frames in good.safetensors."""
    folder = tmp_path / "latents"
    folder.mkdir()
    WavCube.from_pretrained(model).encode(corpus / "a.flac").slice(0, 50).save(folder / "good.safetensors")
    return folder


def write_raw(path: Path, values: torch.Tensor, **header: str) -> None:
    """Latents as another program may write them."""
    texts = {"format": "wavcube-latents", "version": "1", "frame_rate": "50.0", "sample_rate": "16000"}
    tensors = {"values": values, "lengths": torch.tensor([len(values)])}
    if "samples" in header:
        tensors["samples"] = torch.tensor([int(header.pop("samples"))])
    save_file(tensors, path, texts | {"metadata": "[{}]"} | header)


def test_latents_that_cannot_be_decoded(wavcube: Command, model: Path, latents: Path, tmp_path: Path) -> None:
    values = Latents.load(latents / "good.safetensors").values[0]
    write_raw(latents / "bad-samples.safetensors", values, samples=str(10**12))
    write_raw(latents / "bad-more.safetensors", values, samples=str(50 * 320 + 400))
    write_raw(latents / "bad-float8.safetensors", values.to(torch.float8_e4m3fn))
    write_raw(latents / "bad-large.safetensors", 1e30 * values.double())
    write_raw(latents / "bad-rate.safetensors", values, frame_rate='"fifty"')
    write_raw(latents / "bad-json.safetensors", values, metadata="[[[")
    write_raw(latents / "bad-integers.safetensors", values.to(torch.int64))
    (latents / "bad-pickle.pt").write_bytes(b"\x80\x04.")
    np.save(latents / "bad-object.npy", np.array([{}]))
    np.save(latents / "bad-text.npy", np.array([["a"]]))
    (latents / "bad-header.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 4) + b"{}\n\n")
    (latents / "bad-folder.safetensors").mkdir()
    np.save(latents / "good-big.npy", values.numpy().astype(">f4"))
    np.save(latents / "good-half.npy", values.numpy().astype(">f2"))
    np.save(latents / "good-double.npy", values.numpy().astype(">f8"))
    np.save(latents / "good-columns.npy", np.asfortranarray(values.numpy()))
    write_raw(latents / "good-samples.safetensors", values, samples=str(50 * 320 + 399))

    outcome = wavcube("decode", latents, "-o", tmp_path / "out", "-m", model, "--dtype", "float16")
    assert outcome.code == 1
    made = sorted(path.stem for path in (tmp_path / "out").iterdir())
    assert made == ["good", "good-big", "good-columns", "good-double", "good-half", "good-samples"]
    named = sorted(Path(line.split(": ")[1]).stem for line in outcome.err.splitlines())
    bad = sorted(path.stem for path in latents.glob("bad*") if path.is_file())
    assert named == bad
    assert f"{len(bad)} failed" in outcome.out
    first = load_audio(tmp_path / "out" / "good.wav")
    for name in ("good-big", "good-columns", "good-double"):
        assert np.allclose(first, load_audio(tmp_path / "out" / f"{name}.wav"), atol=1e-3)


def test_latents_claim_no_more_samples_than_they_have_frames(model: Path) -> None:
    loaded = WavCube.from_pretrained(model)
    for count in (400 + 320 * 50, 10**12, 2**62):
        latents = Latents(torch.zeros(1, 50, 16), torch.tensor([50]), 50.0, samples=torch.tensor([count]))
        with pytest.raises(LatentsError, match=f"50 frames are fewer than {count} samples"):
            loaded.decode(latents)


def test_recordings_that_cannot_be_encoded(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    long = corpus / ("n" * 250 + ".wav")  # whose latents would have a name that no disk takes
    save_audio(long, np.zeros(1_000, np.float32) + 0.1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("in the way of a folder")
    outcome = wavcube("encode", corpus, "-o", tmp_path / "out", "-m", model)
    assert outcome.code == 1
    assert (tmp_path / "out" / "a.safetensors").is_file()
    assert outcome.err.count("skipped: ") == 3
    assert "name too long" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory\nmore"),
        MemoryError(),
        OSError(5, "Input/output error"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        torch.OutOfMemoryError("CUDA out of memory"),
        NotImplementedError("no kernel"),
        AssertionError(),
        RecursionError("too deep"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("stage", ["read", "compute", "write"])
def test_whatever_happens_to_one_file(
    wavcube: Command,
    model: Path,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    error: Exception,
) -> None:
    if stage == "read":
        original = load_audio

        def read(path: Path, rate: int) -> np.ndarray:
            if path.name == "a.flac":
                raise error
            return original(path, rate)

        monkeypatch.setattr("wavcube.audio.io.load_audio", read)
    elif stage == "compute":
        encode = WavCube.encode

        def compute(self: WavCube, speech: list[dict[str, np.ndarray]], **options: int) -> Latents:
            if any(len(clip["array"]) == len(load_audio(corpus / "a.flac")) for clip in speech):
                raise error
            return encode(self, speech, **options)

        monkeypatch.setattr(WavCube, "encode", compute)
    else:
        save = Latents.save

        def write(self: Latents, path: Path) -> None:
            if path.name == "a.safetensors":
                raise error
            save(self, path)

        monkeypatch.setattr(Latents, "save", write)
    outcome = wavcube("encode", corpus, "-o", tmp_path / "out", "-m", model, "--padding", "0")
    assert outcome.code == 1
    assert "encoded 2 files" in outcome.out
    assert "1 failed" in outcome.out
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"skipped: {corpus / 'a.flac'}: ")


@pytest.mark.parametrize("command", [["encode", "a.flac", "-o", "z"], ["info"]])
def test_a_model_that_cannot_be_read(
    wavcube: Command, corpus: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(corpus)
    (corpus / "model").mkdir()
    (corpus / "model" / "config.json").mkdir()
    names = ["n" * 300, "model", "model/config.json"]
    if os.getuid():
        (corpus / "locked").mkdir(0)
        names.append("locked")
    for name in names:
        arguments = [*command, "-m", name] if command[0] != "info" else [*command, name]
        outcome = wavcube(*arguments)
        assert outcome.code == 1
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1
