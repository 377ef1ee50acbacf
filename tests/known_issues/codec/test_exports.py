"""Exports that `info` could not tell about, that replaced checkpoints, and that refused only after minutes."""

import copy
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command
from tests.codec.inference.test_load import save_one_layer_model
from wavcube import WavCube
from wavcube.errors import CheckpointError, ConfigError, WavCubeError

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a model with one layer of each kind: exporting takes time in proportion to the layers."""
    return save_one_layer_model(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def exported(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from wavcube.codec.inference.export import export

    folder = tmp_path_factory.mktemp("exported")
    loaded = WavCube.from_pretrained(plain).bfloat16().train()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    export(loaded, folder, "onnx")
    # The model stays what it is, and so does the state of random numbers.
    assert torch.equal(torch.rand(1), expected)
    assert loaded.dtype == torch.bfloat16
    assert all(module.training for module in loaded.modules())
    assert WavCube.from_pretrained(folder).identity == loaded.identity
    return folder


@pytest.mark.long
def test_info(wavcube: Command, exported: Path, plain: Path) -> None:
    outcome = wavcube("info", exported)
    assert outcome.code == 0, outcome.err
    assert "graphs for onnx" in outcome.out
    assert WavCube.from_pretrained(plain).identity in outcome.out


@pytest.mark.long
def test_a_checkpoint_is_not_replaced_by_graphs_nor_the_other_way_round(
    wavcube: Command, model: Path, exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    outcome = wavcube("export", "onnx", "-m", tmp_path / "m", "-o", tmp_path / "m")
    assert outcome.code == 1
    assert "holds a checkpoint, which would be replaced; give another folder" in outcome.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    loaded = WavCube.from_pretrained(model)
    with pytest.raises(CheckpointError, match="holds graphs"):
        loaded.save_pretrained(exported)
    assert WavCube.from_pretrained(exported).backend == "onnx"


def test_other_files_survive_a_checkpoint(model: Path, tmp_path: Path) -> None:
    loaded = WavCube.from_pretrained(model)
    (tmp_path / "model_best.safetensors").write_text("mine")
    loaded.save_pretrained(tmp_path)
    loaded.save_pretrained(tmp_path)
    assert (tmp_path / "model_best.safetensors").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "wavlm"}')
    with pytest.raises(CheckpointError, match="another program's model"):
        loaded.save_pretrained(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["config.json"]


@pytest.mark.long
def test_what_graphs_cannot_do_is_refused_at_once(
    wavcube: Command, model: Path, exported: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavcube.codec.inference.load.export", lambda *_, **__: pytest.fail("exported"))
    encode = ["encode", corpus / "a.flac", "-o", tmp_path / "z"]
    for dtype in ("bfloat16", "float16", "int8"):
        outcome = wavcube(*encode, "-m", model, "--backend", "onnx", "--dtype", dtype)
        assert outcome.code == 1
        assert "--backend onnx: computes in float32" in outcome.err
        assert wavcube(*encode, "-m", exported, "--dtype", dtype).code == 1
    for backend in (None, "onnx", "auto"):
        for folder in (exported, model):
            if backend is None and folder == model:
                continue
            with pytest.raises(WavCubeError, match=r"cuda|NVIDIA|CUDA"):
                WavCube.from_pretrained(folder, backend=backend, device="cuda:7")
    with pytest.raises(ConfigError, match="computes on the CPU, not on mps"):
        WavCube.from_pretrained(exported, device="mps")
    outcome = wavcube(*encode, "-m", exported, "--fast")
    assert outcome.code == 1
    assert "--fast prepares torch's model, and no graphs" in outcome.err


@pytest.mark.long
def test_the_best_device_is_the_only_one(
    wavcube: Command, exported: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert wavcube("encode", corpus / "a.flac", "-o", tmp_path / "z", "-m", exported).code == 0


@pytest.mark.long
def test_graphs_are_neither_copied_nor_pickled(exported: Path) -> None:
    loaded = WavCube.from_pretrained(exported)
    for use in (copy.deepcopy, pickle.dumps, lambda model: model.state_dict(), lambda model: model.half()):
        with pytest.raises(WavCubeError):
            use(loaded)
    assert loaded.encode(np.zeros(1_000, np.float32), 16_000).values.shape == (1, 2, 16)


@pytest.mark.long  # two exports; tests/codec/inference/test_load.py has it without them
def test_stale_graphs_are_made_anew_whatever_weight_has_changed(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, 2_000).astype(np.float32)
    WavCube.from_pretrained(folder, backend="onnx")
    changed = WavCube.from_pretrained(folder)
    with torch.no_grad():
        changed.encoder.encoder.layers[1].feed_forward.output_dense.weight[3, 5] += 3
    changed.save_pretrained(folder)
    again = WavCube.from_pretrained(folder, backend="onnx").encode(clip, 16_000)
    assert torch.allclose(again.values, changed.encode(clip, 16_000).values, atol=1e-3)
