"""A second run took whatever was there for its results, and could replace the recordings that it began with."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command, Outcome
from tests.locations import SPEECH
from wavcube import Latents, WavCube, load_audio, save_audio

Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, speech: np.ndarray) -> Path:
    folder = tmp_path / "in"
    (folder / "x").mkdir(parents=True)
    save_audio(folder / "a.wav", speech[:20_000])
    save_audio(folder / "x" / "b.flac", speech[20_000:36_000])
    return folder


@pytest.fixture(params=["encode", "encode to npy", "encode to pt", "decode", "decode to flac", "reconstruct"])
def run(request: pytest.FixtureRequest, wavcube: Command, model: Path, folder: Path, tmp_path: Path) -> Run:
    """The command over the folder, or over its latents, into `out`; `run.inputs` are what it reads."""
    command, *rest = request.param.split(" to ")
    inputs, options = folder, (["--format", rest[0]] if rest else [])
    if command == "decode":
        inputs = tmp_path / "latents"
        assert wavcube("encode", folder, "-o", inputs, "-m", model).code == 0

    def call(*arguments: object, model: Path = model) -> Outcome:
        return wavcube(command, inputs, "-o", tmp_path / "out", "-m", model, *options, *arguments)

    call.inputs = inputs  # type: ignore[attr-defined]
    return call


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def values(path: Path) -> np.ndarray:
    if path.suffix in {".wav", ".flac"}:
        return load_audio(path)
    return Latents.load(path).values.numpy()


def test_the_same_again_is_skipped(run: Run, tmp_path: Path) -> None:
    assert run().code == 0
    before = contents(tmp_path / "out")
    assert len(before) == 2
    outcome = run()
    assert outcome.code == 0
    assert "0 files; 2 existed already" in outcome.out
    assert contents(tmp_path / "out") == before
    for path in run.inputs.rglob("*.*"):  # type: ignore[attr-defined]
        if path.is_file():
            os.utime(path, (1, 1))  # as a copy of a folder may be: the bytes count
    assert "2 existed already" in run().out
    assert "2 files" in run("--overwrite").out


def test_a_replaced_input_is_done_anew(run: Run, tmp_path: Path) -> None:
    run()
    before = contents(tmp_path / "out")
    first = next(path for path in run.inputs.rglob("a.*"))  # type: ignore[attr-defined]
    facts = first.stat()
    if first.suffix == ".wav":
        save_audio(first, load_audio(first)[::-1])
    else:
        latents = Latents.load(first)
        latents.values = latents.values.flip(1)
        latents.save(first)
    assert first.stat().st_size == facts.st_size
    os.utime(first, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # as rsync and cp -p leave it
    outcome = run()
    assert outcome.code == 0
    assert "1 file," in outcome.out
    assert "1 of them anew, as the input had changed; 1 existed already" in outcome.out
    after = contents(tmp_path / "out")
    assert sum(before[name] != after[name] for name in before) == 1


def test_another_model_or_precision_is_refused_and_done_on_demand(
    run: Run, model: Path, other_model: Path, tmp_path: Path
) -> None:
    run()
    before = contents(tmp_path / "out")
    tuned = WavCube.from_pretrained(model)
    with torch.no_grad():
        tuned.decoder.norm.weight[3] += 0.1
    tuned.save_pretrained(tmp_path / "tuned")  # of the same latent space
    for options, what in [
        ({"model": other_model}, "another model"),
        ({"model": tmp_path / "tuned"}, "another model"),
        ({"precision": "bfloat16"}, "another precision"),
        ({"precision": "float16"}, "another precision"),
    ]:
        arguments = ["--dtype", options["precision"]] if "precision" in options else []
        outcome = run(*arguments, model=options.get("model", model))
        assert outcome.code == 1
        assert outcome.err.count(what) == 2
        assert "2 failed" in outcome.out
        assert contents(tmp_path / "out") == before
    assert run("--dtype", "bfloat16", "--overwrite").code == 0
    assert contents(tmp_path / "out") != before
    assert "2 existed already" in run("--dtype", "bfloat16").out
    assert "2 existed already" not in run().out


def test_a_faster_way_to_the_same_numbers_goes_on(run: Run, tmp_path: Path) -> None:
    run()
    next((tmp_path / "out").rglob("b.*")).unlink()
    outcome = run("--exact", "--batch-seconds", "5")
    assert outcome.code == 0
    assert "1 existed already" in outcome.out


def test_what_is_forced_does_not_count_without_force(
    wavcube: Command, model: Path, other_model: Path, folder: Path, tmp_path: Path
) -> None:
    assert wavcube("encode", folder, "-o", tmp_path / "z", "-m", model).code == 0
    decode = ["decode", tmp_path / "z", "-o", tmp_path / "out", "-m", other_model]
    assert wavcube(*decode, "--force").code == 0
    assert "2 existed already" in wavcube(*decode, "--force").out
    outcome = wavcube(*decode)
    assert outcome.code == 1
    assert outcome.err.count("was made by another model") == 2


@pytest.mark.parametrize("form", ["safetensors", "npy", "pt"])
@pytest.mark.parametrize("place", ["the same folder", "another folder", "a link"])
def test_recordings_are_never_replaced_by_what_is_decoded_from_them(
    wavcube: Command, model: Path, folder: Path, tmp_path: Path, form: str, place: str
) -> None:
    latents, target = folder, folder
    if place != "the same folder":
        latents = tmp_path / "z"
    if place == "a link":
        target = tmp_path / "link"
        target.symlink_to(folder)
    originals = {name: value for name, value in contents(folder).items() if name.endswith((".wav", ".flac"))}
    assert wavcube("encode", folder, "-o", latents, "-m", model, "--format", form).code == 0
    for audio in ("wav", "flac"):
        for options in ([], ["--overwrite"]):
            outcome = wavcube("decode", latents, "-o", target, "-m", model, "--format", audio, *options)
            assert outcome.code == 1
            assert "give another folder" in outcome.err
            kept = contents(folder)
            assert all(kept[name] == value for name, value in originals.items())
    # Also not where they bear the mark of an earlier result.
    assert wavcube("reconstruct", SPEECH / "p287_002.flac", "-o", tmp_path / "made", "-m", model).code == 0
    made = tmp_path / "made" / "p287_002.wav"
    before = made.read_bytes()
    assert wavcube("encode", made, "-o", tmp_path / "made", "-m", model, "--format", form).code == 0
    outcome = wavcube("decode", tmp_path / "made", "-o", tmp_path / "made", "-m", model, "--overwrite")
    assert outcome.code == 1
    assert "is the recording that" in outcome.err
    assert made.read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_files_of_others_are_never_replaced(run: Run, tmp_path: Path, options: list[str]) -> None:
    """Whatever bears the name of a result: text, weights, a recording."""
    run()
    (target,) = (tmp_path / "out").rglob("a.*")
    if options and target.suffix not in {".wav", ".flac"}:
        pytest.skip("latents are no originals")
    for content in (b"", b"notes", (SPEECH / "p287_002.flac").read_bytes()):
        target.write_bytes(content)
        outcome = run(*options)
        assert outcome.code == 1
        assert f"skipped: {target}: exists, and " in outcome.err
        assert target.read_bytes() == content
    target.unlink()
    target.mkdir()
    assert run(*options).code == 1
    target.rmdir()
    assert run().code == 0


def test_latents_made_in_python_are_replaced_on_demand_alone(
    wavcube: Command, model: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    WavCube.from_pretrained(model).encode(folder / "a.wav").save(tmp_path / "out" / "a.safetensors")
    encode = ["encode", folder / "a.wav", "-o", tmp_path / "out", "-m", model]
    outcome = wavcube(*encode)
    assert outcome.code == 1
    assert "or --overwrite to replace it" in outcome.err
    assert wavcube(*encode, "--overwrite").code == 0
    assert "1 existed already" in wavcube(*encode).out


def test_a_comment_changes_no_sample(wavcube: Command, model: Path, folder: Path, tmp_path: Path) -> None:
    assert wavcube("reconstruct", folder / "a.wav", "-o", tmp_path / "out", "-m", model).code == 0
    expected = WavCube.from_pretrained(model).reconstruct(folder / "a.wav")
    save_audio(tmp_path / "plain.wav", expected[0])
    assert np.array_equal(load_audio(tmp_path / "plain.wav"), load_audio(tmp_path / "out" / "a.wav"))


def test_other_programs_read_the_array(wavcube: Command, model: Path, folder: Path, tmp_path: Path) -> None:
    assert wavcube("encode", folder / "a.wav", "-o", tmp_path, "-m", model, "--format", "npy").code == 0
    expected = WavCube.from_pretrained(model).encode(folder / "a.wav").values[0].numpy()
    for mode in (None, "r"):
        array = np.load(tmp_path / "a.npy", mmap_mode=mode)  # type: ignore[call-overload]
        assert np.allclose(array, expected, atol=1e-5)
    shutil.copy(tmp_path / "a.npy", tmp_path / "b.npy")
    assert Latents.load(tmp_path / "b.npy").metadata[0]["name"] == "a.wav"
