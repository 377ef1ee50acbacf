"""`wavcube push` against the stand-in of the hub."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file
from typer.testing import CliRunner

from tests.codec.checkpoint.test_hub import entries, hub  # noqa: F401 (a fixture)
from tests.codec.small import small_model
from tests.hub import Hub
from wavcube import WavCube
from wavcube.cli.app import app
from wavcube.errors import CheckpointError, DataError

REPORT = {
    "command": "wavcube evaluate reconstruction --model x --data clips --out report",
    "facts": {"data": "clips: 3 utterances, 0.5 minutes"},
    "systems": [{"name": "x"}],
    "metrics": [{"quantities": [{"name": "pesq_wb", "title": "PESQ wide band", "unit": ""}]}],
    "estimates": {"x": {"pesq_wb": {"value": 2.5, "low": 2.4, "high": 2.6}, "stoi": {"value": None}}},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pushed") / "model"
    small_model().save_pretrained(folder, dtype="float16")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["push", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_is_pushed_with_a_card_of_its_evaluation(hub: Hub, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    for name in ("modeling_wavcube.py", "preprocessor_config.json"):
        (folder / name).unlink()  # as earlier versions wrote it
    printed = run(folder, "me/mine", "--license", "mit", "--report", tmp_path, "--token", hub.token, "--message", "One")
    assert f"pushed: {hub.address}/me/mine/commit/" in printed
    assert {"modeling_wavcube.py", "preprocessor_config.json", "README.md"} <= set(hub.files("me/mine"))
    assert hub.repositories["me/mine"].messages[-1] == "One"
    card = hub.files("me/mine")["README.md"]
    [index] = entries(card)["model-index"]
    [result] = index["results"]
    assert result["metrics"] == [{"type": "pesq_wb", "value": 2.5, "name": "PESQ wide band"}]
    assert REPORT["command"] in card.decode()
    assert WavCube.from_pretrained("me/mine").identity == WavCube.from_pretrained(folder).identity
    pushed = load(hub.files("me/mine")["model.safetensors"])
    assert all(torch.equal(value, pushed[key]) for key, value in load_file(folder / "model.safetensors").items())
    assert {value.dtype for value in pushed.values()} == {torch.float16}
    assert not (folder / "README.md").exists()


def test_a_card_can_be_edited_first(hub: Hub, folder: Path) -> None:  # noqa: F811
    options = ("--license", "mit", "--token", hub.token)
    run(folder, "me/mine", *options, "--card-only")
    assert hub.requests == []
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nMy own words.\n")
    with pytest.raises(CheckpointError, match=r"README\.md: exists; edit it"):
        run(folder, "me/mine", *options, "--card-only")
    run(folder, "me/mine", *options)
    assert hub.files("me/mine")["README.md"] == card.read_bytes()


def test_what_cannot_be_pushed(hub: Hub, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(CheckpointError, match="no such folder"):
        run(tmp_path / "absent", "me/mine")
    with pytest.raises(CheckpointError, match="state the licence"):
        run(folder, "me/mine")
    with pytest.raises(DataError, match=r"is no report\.json"):
        run(folder, "me/mine", "--license", "mit", "--report", tmp_path / "absent")
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="half-written or damaged"):
        run(folder, "me/mine", "--license", "mit")
    assert hub.requests == []
