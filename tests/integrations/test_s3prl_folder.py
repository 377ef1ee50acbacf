"""`wavcube export s3prl`: the folder as an upstream in s3prl's tree, and as a repository of torch.hub."""

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tests.codec.small import signal, small_model
from wavcube import WavCube
from wavcube.cli.app import app
from wavcube.errors import CheckpointError, WavCubeError


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    small_model().save_pretrained(folder, dtype="float16")
    return folder


@pytest.fixture
def clean_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        for name in [name for name in sys.modules if name.split(".")[0] in ("s3prl", "expert", "hubconf")]:
            del sys.modules[name]

    monkeypatch.setattr(sys, "path", list(sys.path))
    forget()
    yield
    forget()


def export(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("clean_modules")
def test_s3prl_finds_the_upstreams_of_its_own_tree(model_folder: Path, tmp_path: Path) -> None:
    package = tmp_path / "s3prl"
    (package / "upstream").mkdir(parents=True)
    for folder in (package, package / "upstream"):
        (folder / "__init__.py").write_text("")
    printed = export("s3prl", package / "upstream/wavcube", "--model", model_folder)
    line = "from s3prl.upstream.wavcube.hubconf import *"
    assert line in printed
    # How s3prl's command line lists and looks up what -u names.
    (package / "hub.py").write_text(
        f"{line}\n\n\ndef options():\n"
        "    return [name for name, value in globals().items() if not name.startswith('_') and callable(value)]\n"
    )
    sys.path.insert(0, str(tmp_path))
    hub = importlib.import_module("s3prl.hub")
    assert {"wavcube", "wavcube_features", "wavcube_restored"} <= set(hub.options())
    # s3prl's runner calls it like this.
    upstream = getattr(hub, "wavcube")(ckpt=None, model_config=None, refresh=False)  # noqa: B009
    clip = torch.from_numpy(signal(8_000))
    [states] = upstream([clip])["hidden_states"]
    assert torch.equal(states, WavCube.from_pretrained(model_folder).encode(clip, 16_000).values)
    other = tmp_path / "other"
    small_model(seed=5).save_pretrained(other)
    assert not torch.equal(hub.wavcube(ckpt=str(other))([clip])["hidden_states"][0], states)
    assert hub.wavcube_features(ckpt=None)([clip])["hidden_states"][0].shape[2] == 64
    assert hub.wavcube_restored(ckpt=None)([clip])["hidden_states"][0].shape[2] == 64


@pytest.mark.usefixtures("clean_modules")
def test_s3prl_s_own_runner_starts_on_current_libraries(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It imports its list of upstreams, then names that huggingface_hub has dropped."""
    import huggingface_hub

    for name in ("HfFolder", "Repository"):
        monkeypatch.delattr(huggingface_hub, name, raising=False)
    package = tmp_path / "s3prl"
    (package / "upstream").mkdir(parents=True)
    for folder in (package, package / "upstream"):
        (folder / "__init__.py").write_text("")
    export("s3prl", package / "upstream/wavcube", "--model", model_folder)
    (package / "hub.py").write_text("from s3prl.upstream.wavcube.hubconf import *\n")
    (package / "run_downstream.py").write_text(
        "from s3prl import hub\nfrom huggingface_hub import HfApi, HfFolder, Repository\n"
    )
    sys.path.insert(0, str(tmp_path))
    importlib.import_module("s3prl.run_downstream")
    file = tmp_path / "states-1.ckpt"  # holds the command line's arguments
    torch.save({"Args": argparse.Namespace(upstream="wavcube")}, file)
    assert torch.load(file)["Args"].upstream == "wavcube"


@pytest.mark.usefixtures("clean_modules")
def test_torch_hub_and_the_expert(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "upstream"
    export("s3prl", "--out", folder, "--model", model_folder)
    upstream = torch.hub.load(str(folder), "wavcube", source="local")
    clip = torch.from_numpy(signal(8_000))
    expected = WavCube.from_pretrained(model_folder)
    assert torch.equal(upstream([clip])["hidden_states"][0], expected.encode(clip, 16_000).values)
    assert WavCube.from_pretrained(folder / "model").identity == expected.identity
    sys.path.insert(0, str(folder))  # what s3prl does with a model of the hub
    expert = importlib.import_module("expert").UpstreamExpert(ckpt=str(folder / "model"), model_config=None)
    assert expert.get_downsample_rates("hidden_states") == 320


def test_nothing_is_overwritten_or_left_half_written(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="exists and is not empty"):
        export("s3prl", tmp_path / "there", "--model", model_folder)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["notes.txt"]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/config.json").write_text("{}")
    with pytest.raises(WavCubeError, match=r"config\.json"):
        export("s3prl", tmp_path / "new", "--model", tmp_path / "bad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "there"]
    (tmp_path / "empty").mkdir()
    export("s3prl", tmp_path / "empty", "--model", model_folder)
    with pytest.raises(WavCubeError, match="name one folder to write"):
        export("s3prl", "--model", model_folder)
