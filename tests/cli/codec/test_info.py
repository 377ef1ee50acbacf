import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from wavcube.codec import WavCube


def facts(text: str) -> dict[str, str]:
    return {name: fact.strip() for name, _, fact in (line.strip().partition("  ") for line in text.splitlines())}


def test_a_model(wavcube: Command, model: Path) -> None:
    loaded = WavCube.from_pretrained(model)
    told = facts(wavcube("info", model).out)
    assert told["identity"] == loaded.identity
    assert told["stage"] == "2"
    assert (told["frame rate"], told["samples a frame"]) == ("50 Hz", "320")
    assert told["latent width"] == "16"
    parts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in loaded.named_children()}
    assert {name: int(told[name].replace(",", "")) for name in parts} == parts
    assert int(told["parameters"].replace(",", "")) == sum(parts.values())
    assert told["size"].endswith("MiB, float32")
    assert '"latent_dim": 16' in wavcube("info", model).out


def test_latents(wavcube: Command, model: Path, corpus: Path, tmp_path: Path) -> None:
    assert wavcube("encode", corpus / "x/b.opus", "-o", tmp_path, "-m", model).code == 0
    told = facts(wavcube("info", tmp_path / "b.safetensors").out)
    assert (told["frames"], told["width"], told["type"]) == ("128", "16", "float32")
    assert (told["samples"], told["sample rate"]) == ("41353", "16000 Hz")
    assert told["model"] == WavCube.from_pretrained(model).identity
    assert (told["name (0)"], told["seconds (0)"]) == ("b.opus", "2.585")
    assert wavcube("encode", corpus / "x/b.opus", "-o", tmp_path, "-m", model, "--format", "npy").code == 0
    assert ".npy holds the values alone" in wavcube("info", tmp_path / "b.npy").out


def test_a_recording(wavcube: Command, corpus: Path) -> None:
    told = facts(wavcube("info", corpus / "x/b.opus").out)
    assert (told["format"], told["sample rate"], told["channels"]) == ("OGG, OPUS", "16000 Hz", "1")
    assert (told["samples"], told["duration"]) == ("41353", "2.58 s")


def test_json_has_numbers(wavcube: Command, model: Path, corpus: Path) -> None:
    recording = json.loads(wavcube("info", corpus / "x/b.opus", "--json").out)
    assert (recording["sample rate"], recording["samples"], recording["format"]) == (16_000, 41_353, "OGG, OPUS")
    described = json.loads(wavcube("info", model, "--json").out)
    assert described["configuration"]["bottleneck"]["latent_dim"] == described["latent width"] == 16


@pytest.mark.parametrize("name", ["absent.wav", "empty", "absent.safetensors", "half.safetensors"])
def test_what_is_none_of_these(wavcube: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "half.safetensors").write_bytes(b"half")
    outcome = wavcube("info", tmp_path / name)
    assert outcome.code == 1
    assert outcome.err.startswith(f"error: {tmp_path / name}: ")


@pytest.mark.long
def test_the_environment_and_its_kernels(wavcube: Command) -> None:
    outcome = wavcube("info", "--env")
    assert outcome.code == 0, outcome.err
    assert {"processor", "instruction", "torch", "oneDNN", "threads", "kernels"} <= {
        line.split()[0] for line in outcome.out.splitlines()
    }
    assert "right in float32, bfloat16, float16, int8" in outcome.out
    assert re.search(r"^--fast chooses +(float32|bfloat16), \d+ threads?: .*bfloat16", outcome.out, re.M)
