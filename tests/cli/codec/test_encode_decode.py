import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command, save_model
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.codec.inference import choice
from wavcube.latents import Latents

NAMES = ["a", "x/b", "x/y/c"]


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    return float((value - expected).norm() / expected.norm())


def test_latents_of_a_folder_are_those_of_each_file(
    wavcube: Command, model: Path, corpus: Path, tmp_path: Path
) -> None:
    outcome = wavcube("encode", corpus, "-o", tmp_path / "latents", "-m", model, "--padding", "1")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("encoded 3 files, 8.2 s of speech at ")
    loaded = WavCube.from_pretrained(model)
    for name in NAMES:
        (source,) = corpus.glob(f"{name}.*")
        latents = Latents.load(tmp_path / "latents" / f"{name}.safetensors")
        alone = loaded.encode(source)
        assert relative_error(latents.values, alone.values) < 1e-4
        assert latents.model_id == loaded.identity
        assert latents.samples is not None
        assert int(latents.samples) == len(load_audio(source))
        seconds = len(load_audio(source)) / 16_000
        assert latents.metadata[0]["name"] == source.relative_to(corpus).as_posix()
        assert latents.metadata[0]["seconds"] == f"{seconds:.3f}"


def test_decoding_gives_what_reconstruction_gives(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    latents, decoded, rebuilt = (tmp_path / name for name in ("latents", "decoded", "rebuilt"))
    assert wavcube("encode", corpus, "-o", latents, "-m", model).code == 0
    assert wavcube("decode", latents, "-o", decoded, "-m", model, "--padding", "1").code == 0
    assert wavcube("reconstruct", f"{corpus}/**/*", "-o", rebuilt, "-m", model, "--format", "flac").code == 0
    loaded = WavCube.from_pretrained(model)
    for name in NAMES:
        (source,) = corpus.glob(f"{name}.*")
        expected = loaded.reconstruct(source)[0]
        assert len(expected) == len(load_audio(source))
        for result in (decoded / f"{name}.wav", rebuilt / f"{name}.flac"):
            speech = torch.from_numpy(load_audio(result))
            assert speech.shape == expected.shape
            # 16-bit samples, of the model's quiet noise
            assert (speech - expected.clamp(-1, 1)).abs().max() < 1 / 32_768 + 1e-4 * expected.abs().max()


@pytest.mark.parametrize("suffix", ["npy", "pt"])
def test_other_formats_of_latents(wavcube: Command, model: Path, corpus: Path, tmp_path: Path, suffix: str) -> None:
    path = corpus / "a.flac"
    assert wavcube("encode", path, "-o", tmp_path / "z", "-m", model, "--format", suffix).code == 0
    assert wavcube("encode", path, "-o", tmp_path / "z", "-m", model).code == 0
    values = Latents.load(tmp_path / "z" / f"a.{suffix}").values
    assert torch.equal(values, Latents.load(tmp_path / "z" / "a.safetensors").values)
    if suffix == "npy":
        assert np.load(tmp_path / "z" / "a.npy").shape == (162, 16)
    assert wavcube("decode", tmp_path / "z" / f"a.{suffix}", "-o", tmp_path / "d", "-m", model).code == 0
    samples = {"npy": 162 * 320, "pt": len(load_audio(path))}
    assert len(load_audio(tmp_path / "d" / "a.wav")) == samples[suffix]


def test_files_that_can_share_a_batch_only_in_part(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    """Without samples, of another type, without a model: as other programs may write latents."""
    folder = tmp_path / "z"
    folder.mkdir()
    latents = WavCube.from_pretrained(model).encode(corpus / "a.flac")
    latents.save(folder / "a.safetensors")
    latents.to(dtype=torch.bfloat16).save(folder / "b.safetensors")
    Latents(latents.values, latents.lengths, 50.0).save(folder / "c.safetensors")
    latents.save(folder / "d.npy")
    outcome = wavcube("decode", folder, "-o", tmp_path / "out", "-m", model)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("decoded 4 files")


def test_bad_files_among_good_ones(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    (corpus / "text.wav").write_text("no audio")
    (corpus / "empty.wav").touch()
    whole = (corpus / "a.flac").read_bytes()
    (corpus / "cut.flac").write_bytes(whole[: len(whole) // 2])
    save_audio(corpus / "short.wav", np.zeros(399, np.float32))
    save_audio(corpus / "shortest.wav", np.zeros(400, np.float32))
    for command in ("encode", "reconstruct"):
        outcome = wavcube(command, corpus, "-o", tmp_path / command, "-m", model)
        assert outcome.code == 1
        assert "4 files" in outcome.out
        assert outcome.out.endswith("; 4 failed\n")
        lines = sorted(outcome.err.splitlines())
        assert len(lines) == 4
        for line, name in zip(lines, ["cut.flac", "empty.wav", "short.wav", "text.wav"], strict=True):
            assert line.startswith(f"skipped: {corpus / name}: ")
        assert len(list((tmp_path / command).rglob("*.*"))) == 4

    (tmp_path / "encode" / "x" / "half.safetensors").write_bytes(b"half")
    outcome = wavcube("decode", tmp_path / "encode", "-o", tmp_path / "decode", "-m", model)
    assert outcome.code == 1
    assert "half.safetensors: holds no whole latents" in outcome.err
    assert "decoded 4 files" in outcome.out


def test_strict_stops(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    (corpus / "text.wav").write_text("no audio")
    outcome = wavcube("encode", corpus, "-o", tmp_path / "z", "-m", model, "--strict")
    assert outcome.code == 1
    assert outcome.err.startswith(f"error: {corpus / 'text.wav'}: is not a recording")
    assert outcome.err.count("\n") == 1
    assert not outcome.out


def test_existing_results_are_left_alone(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "z" / "a.safetensors"
    target.parent.mkdir()
    target.write_text("mine")
    outcome = wavcube("encode", corpus, "-o", tmp_path / "z", "-m", model)
    assert "encoded 2 files" in outcome.out
    assert f"skipped: {target}: exists, and does not say that it was made from" in outcome.err
    assert target.read_text() == "mine"
    outcome = wavcube("encode", corpus, "-o", tmp_path / "z", "-m", model, "--overwrite")
    assert "encoded 3 files" in outcome.out
    assert Latents.load(target).lengths.tolist() == [162]


def test_collisions_are_reported(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    save_audio(corpus / "a.wav", np.zeros(1_000, np.float32))
    outcome = wavcube("encode", corpus, "-o", tmp_path / "z", "-m", model)
    assert outcome.code == 1
    assert "encoded 2 files" in outcome.out
    assert outcome.err.count("would all become") == 2
    assert not (tmp_path / "z" / "a.safetensors").exists()


def test_latents_of_another_model_are_refused(
    wavcube: Command, model: Path, other_model: Path, corpus: Path, tmp_path: Path
) -> None:
    latents = tmp_path / "z" / "a.safetensors"
    assert wavcube("encode", corpus / "a.flac", "-o", tmp_path / "z", "-m", model).code == 0
    decode = ("decode", latents, "-o", tmp_path / "d")
    outcome = wavcube(*decode, "-m", other_model)
    assert outcome.code == 1
    assert f"{latents}: was made by another model" in outcome.err
    assert "--force" in outcome.err
    assert wavcube(*decode, "-m", other_model, "--force").code == 0

    narrow = save_model(tmp_path / "narrow", seed=0, latent_dim=8)
    for options in ([], ["--force"]):
        outcome = wavcube(*decode, "-m", narrow, "--overwrite", *options)
        assert outcome.code == 1
        assert f"{latents}: is 16 numbers wide, this model's latents 8" in outcome.err
    slow = save_model(tmp_path / "slow", seed=0, frame_rate=25)
    outcome = wavcube(*decode, "-m", slow, "--overwrite", "--force")
    assert outcome.code == 1
    assert "has 50 frames a second, this model's latents 25" in outcome.err

    Latents.batch([Latents.load(latents)] * 2).save(tmp_path / "z" / "two.safetensors")
    Latents(torch.zeros(1, 0, 16), torch.tensor([0]), 50.0).save(tmp_path / "z" / "none.safetensors")
    outcome = wavcube("decode", tmp_path / "z", "-o", tmp_path / "e", "-m", model)
    assert "two.safetensors: holds 2 items" in outcome.err
    assert "none.safetensors: holds no frames" in outcome.err
    assert "decoded 1 file," in outcome.out


def test_half_precision(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    path = corpus / "a.flac"
    for dtype in ("float32", "bfloat16"):
        assert wavcube("encode", path, "-o", tmp_path / dtype, "-m", model, "--dtype", dtype).code == 0
    half, full = (Latents.load(tmp_path / dtype / "a.safetensors") for dtype in ("bfloat16", "float32"))
    assert half.values.dtype == torch.bfloat16
    assert relative_error(half.values.float(), full.values) < 0.1
    outcome = wavcube("decode", tmp_path / "bfloat16", "-o", tmp_path / "d", "-m", model, "--dtype", "bfloat16")
    assert outcome.code == 0, outcome.err


def test_a_prepared_model_gives_the_same(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    path = corpus / "a.flac"
    for name, options in (("plain", []), ("exact", ["--exact"]), ("fast", ["--fast", "--dtype", "float32"])):
        assert wavcube("encode", path, "-o", tmp_path / name, "-m", model, *options).code == 0
    plain, exact, fast = (Latents.load(tmp_path / name / "a.safetensors") for name in ("plain", "exact", "fast"))
    assert relative_error(fast.values, plain.values) < 1e-5
    assert torch.equal(exact.values, fast.values)
    assert fast.model_id == plain.model_id
    outcome = wavcube("decode", tmp_path / "fast", "-o", tmp_path / "d", "-m", model, "--fast", "--dtype", "float16")
    assert outcome.code == 1
    assert "float16" in outcome.err


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fast_is_what_suits_the_machine(
    wavcube: Command, model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    chosen = choice.Choice(dtype, torch.get_num_threads(), "a reason")
    monkeypatch.setattr(choice, "choose", lambda device: chosen)
    monkeypatch.setattr("wavcube.codec.model.choose", lambda device: chosen)
    outcome = wavcube("encode", corpus / "a.flac", "-o", tmp_path / "z", "-m", model, "--fast")
    assert outcome.code == 0, outcome.err
    assert f"--fast: {str(dtype).removeprefix('torch.')}, " in outcome.err
    assert ": a reason" in outcome.err
    assert Latents.load(tmp_path / "z" / "a.safetensors").values.dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["absent.wav"], "absent.wav: no such file"),
        (["*.wav"], "no audio file matches"),
        (["a.flac", "-m", "absent/folder/model"], "absent/folder/model"),
        (["a.flac", "--device", "mps"], "--device mps"),
        (["a.flac", "--fast", "--backend", "onnx"], "leave it out, or leave out --backend onnx"),
        (["a.flac", "--dtype", "int8"], "add --fast"),
        (["a.flac", "--exact", "--backend", "onnx"], "--exact prepares torch's model"),
        (["a.flac", "--exact", "--dtype", "bfloat16"], "for bfloat16 take --fast"),
    ],
)
def test_what_cannot_begin(
    wavcube: Command, corpus: Path, monkeypatch: pytest.MonkeyPatch, model: Path, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(corpus)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    outcome = wavcube("encode", "-o", "z", "-m", model, *arguments)
    assert outcome.code == 1
    assert outcome.err.startswith("error: ")
    assert says in outcome.err
    assert outcome.err.count("\n") == 1


def test_backend_auto_says_what_computes(wavcube: Command, corpus: Path, tmp_path: Path, model: Path) -> None:
    outcome = wavcube("encode", "-o", tmp_path / "z", "-m", model, corpus / "a.flac", "--backend", "auto")
    assert (outcome.code, list((tmp_path / "z").iterdir())) == (0, [tmp_path / "z" / "a.safetensors"])
    assert "--backend auto: torch, float32" in outcome.err


@pytest.mark.parametrize("blow", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGKILL])
def test_an_interruption_leaves_whole_files_and_can_be_resumed(
    wavcube: Command, model: Path, tmp_path: Path, blow: signal.Signals
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    (tmp_path / "in").mkdir()
    save_audio(tmp_path / "in" / "000.wav", noise)
    for index in range(1, 500):  # seconds of work, so that the signal comes in its midst
        os.link(tmp_path / "in" / "000.wav", tmp_path / "in" / f"{index:03}.wav")
    command = ["encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model, "--batch-seconds", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wavcube", *map(str, command)],
        stderr=subprocess.PIPE,
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and len(list((tmp_path / "out").glob("*.safetensors"))) < 3:
        time.sleep(0.02)
    os.kill(process.pid, blow)
    _, err = process.communicate(timeout=60)
    if blow == signal.SIGINT:
        assert process.returncode == 130
        assert err.decode().startswith("interrupted: encoded ")
        assert err.count(b"\n") == 1
        assert not list((tmp_path / "out").glob(".*"))
    done = list((tmp_path / "out").glob("*.safetensors"))
    assert 3 <= len(done) < 500
    assert {Latents.load(path).lengths.tolist()[0] for path in done} == {49}

    outcome = wavcube(*command, "--batch-seconds", "60")
    assert outcome.code == 0
    assert f"encoded {500 - len(done)} files" in outcome.out
    assert len(list((tmp_path / "out").glob("*.safetensors"))) == 500
