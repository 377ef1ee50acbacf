"""`wavcube decode` of a folder of shards: shares, refusals, and evaluation of what it makes."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.corpora.conftest import contents
from tests.locations import SPEECH


@pytest.fixture
def latents(wavcube: Command, model: Path, tmp_path: Path) -> Path:
    (tmp_path / "speech").mkdir()
    for name in ("p287_002.flac", "LJ001-0013.opus", "328-129766-0000.opus"):
        shutil.copy(SPEECH / name, tmp_path / "speech")
    common = ("-m", model, "--to", "shar", "--shard-size", "1", "--readers", "0")
    assert wavcube("encode", tmp_path / "speech", "-o", tmp_path / "latents", *common).code == 0
    return tmp_path / "latents"


def test_shares_make_the_bytes_of_one_process(wavcube: Command, model: Path, latents: Path, tmp_path: Path) -> None:
    whole = wavcube("decode", latents, "-o", tmp_path / "whole", "-m", model)
    assert whole.code == 0, whole.err
    assert "3 shards made, 3 recordings" in whole.out
    assert " GB as flac" in whole.out
    first = wavcube("decode", latents, "-o", tmp_path / "parts", "-m", model, "--shard-of", "0/2")
    assert "2 of 3 shards are complete; whoever completes the last writes recordings.json" in first.out
    assert wavcube("decode", latents, "-o", tmp_path / "parts", "-m", model, "--shard-of", "1/2").code == 0
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    again = wavcube("decode", latents, "-o", tmp_path / "parts", "-m", model)
    assert "3 were complete already" in again.out
    other = wavcube("decode", latents, "-o", tmp_path / "parts", "-m", model, "--format", "wav")
    assert "holds shards made with another audio_format (flac, now wav)" in other.err


def test_refusals(wavcube: Command, model: Path, other_model: Path, latents: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "was made by another model" in wavcube("decode", latents, "-o", out, "-m", other_model).err
    assert not out.exists()
    assert wavcube("decode", latents, "-o", out, "-m", other_model, "--force").code == 0
    both = wavcube("decode", latents, tmp_path / "speech", "-o", tmp_path / "b", "-m", model)
    assert "is a folder of shards; decode it by itself" in both.err
    assert "holds shards of another kind" in wavcube("decode", latents, "-o", latents, "-m", model).err
    (latents / "latents.json").unlink()
    assert "writes it when all shards are complete" in wavcube("decode", latents, "-o", out, "-m", model).err
    files = wavcube("decode", tmp_path / "speech", "-o", out, "-m", model, "--shard-of", "0/2")
    assert "--shard-of is for shards" in files.err


def test_decoded_shards_are_evaluated_as_the_model_is(
    wavcube: Command, model: Path, latents: Path, tmp_path: Path
) -> None:
    assert wavcube("decode", latents, "-o", tmp_path / "decoded", "-m", model).code == 0
    outcome = wavcube(
        "evaluate", "reconstruction", "-m", f"direct={model}", "-m", f"files:{tmp_path / 'decoded'}", "--data",
        tmp_path / "speech", "-o", tmp_path / "report", "--metrics", "stoi", "--processes", "1", "--device", "cpu",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    estimates = json.loads((tmp_path / "report/report.json").read_text())["estimates"]
    assert estimates["decoded"]["stoi"]["value"] == pytest.approx(estimates["direct"]["stoi"]["value"], abs=1e-3)
