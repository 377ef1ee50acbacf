"""Latents bore the name of a model that had not made them: it was kept from loading, and of a sample of the weights."""

import copy
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from wavcube import WavCube, WavCubeConfig
from wavcube.codec.checkpoint.folder import PACKAGED
from wavcube.errors import LatentsError

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 4_000).astype(np.float32)


@pytest.fixture
def loaded(model: Path) -> WavCube:
    return WavCube.from_pretrained(model)


def step(model: WavCube) -> None:
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    features, _ = model.encoder(torch.randn(1, 4_000))
    model.compressor(features).latent.square().sum().backward()
    optimizer.step()


def load_state_dict(model: WavCube) -> None:
    torch.manual_seed(7)
    model.load_state_dict(WavCube(model.config).state_dict())


@torch.no_grad()
def change_one_value(model: WavCube) -> None:
    model.encoder.encoder.layers[1].feed_forward.output_dense.weight[3, 5] += 0.01


def change_data(model: WavCube) -> None:
    """torch counts no change of what is written through `data`."""
    model.compressor.projection[0].weight.data[1, 3] *= 1.01


def change_numpy(model: WavCube) -> None:
    model.compressor.projection[0].bias.detach().numpy()[2] += 0.01


def replace_data(model: WavCube) -> None:
    weight = model.encoder.feature_projection.projection.weight
    weight.data = weight.data + 1e-3


def swap_rows(model: WavCube) -> None:
    weight = model.compressor.projection[0].weight
    with torch.no_grad():
        weight[[0, 1]] = weight[[1, 0]].clone()


def replace_a_part(model: WavCube) -> None:
    torch.manual_seed(8)
    model.compressor = WavCube(model.config).compressor


def change_a_setting(model: WavCube) -> None:
    model.encoder.config = dataclasses.replace(model.encoder.config, normalize_waveform=False)


CHANGES = [
    step,
    load_state_dict,
    change_one_value,
    change_data,
    change_numpy,
    replace_data,
    swap_rows,
    replace_a_part,
    change_a_setting,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_bears_another_name_at_once(
    loaded: WavCube, tmp_path: Path, change: Callable[[WavCube], None]
) -> None:
    original = copy.deepcopy(loaded)
    before = loaded.encode(CLIP, 16_000)
    change(loaded)
    after = loaded.encode(CLIP, 16_000)
    assert not torch.equal(after.values, before.values)
    assert after.model_id != before.model_id
    with pytest.raises(LatentsError, match="another model"):
        original.decode(after)
    with pytest.raises(LatentsError, match="another model"):
        loaded.decode(before)
    assert loaded.decode(after).shape == (1, 4_000)
    if change is not change_a_setting:
        loaded.save_pretrained(tmp_path)
        assert WavCube.from_pretrained(tmp_path).identity == after.model_id


def test_what_is_changed_back_bears_its_old_name(loaded: WavCube) -> None:
    before, weights = loaded.identity, copy.deepcopy(loaded.state_dict())
    load_state_dict(loaded)
    assert loaded.identity != before
    loaded.load_state_dict(weights)
    assert loaded.identity == before


def test_random_models_have_a_name() -> None:
    torch.manual_seed(0)
    one, two = (WavCube(WavCubeConfig.preset("tiny")) for _ in range(2))
    with pytest.raises(LatentsError, match="another model"):
        two.decode(one.encode(CLIP, 16_000))
    assert copy.deepcopy(one).identity == one.identity


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("encoder", "normalize_waveform", False),
        ("encoder", "pre_norm", False),
        ("encoder", "layer_norm_eps", 1e-3),
    ],
)
def test_settings_that_change_latents_change_the_name(
    model: Path, tmp_path: Path, part: str, key: str, value: object
) -> None:
    shutil.copytree(model, tmp_path / "edited")
    settings = json.loads((model / "config.json").read_text())
    assert settings[part][key] != value
    settings[part][key] = value
    (tmp_path / "edited" / "config.json").write_text(json.dumps(settings))
    assert WavCube.from_pretrained(tmp_path / "edited").identity != WavCube.from_pretrained(model).identity


def test_settings_that_change_no_latent_keep_it(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "edited")
    settings = json.loads((model / "config.json").read_text())
    settings["encoder"]["hidden_dropout"], settings["stage"] = 0.2, 1
    (tmp_path / "edited" / "config.json").write_text(json.dumps(settings))
    assert WavCube.from_pretrained(tmp_path / "edited").identity == WavCube.from_pretrained(model).identity


def test_a_file_whose_weights_were_replaced_does_not_keep_its_name(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "edited")
    weights = load_file(model / "model.safetensors")
    with safe_open(model / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    weights["compressor.projection.0.weight"][0, 1] += 0.01
    save_file(weights, tmp_path / "edited" / "model.safetensors", metadata)
    assert WavCube.from_pretrained(tmp_path / "edited").identity != WavCube.from_pretrained(model).identity


def test_older_checkpoints_keep_their_name(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "old")
    weights = load_file(model / "model.safetensors")
    save_file(weights, tmp_path / "old" / "model.safetensors", {"format": "pt", "identity": "0123456789abcdef"})
    old = WavCube.from_pretrained(tmp_path / "old")
    assert old.encode(CLIP, 16_000).model_id == "0123456789abcdef"
    for kept in (copy.deepcopy(old), WavCube.from_pretrained(tmp_path / "old", dtype=torch.bfloat16)):
        assert kept.identity == "0123456789abcdef"
    change_one_value(old)
    assert old.identity != "0123456789abcdef"


def test_precision_and_preparation_keep_the_name(loaded: WavCube, model: Path, tmp_path: Path) -> None:
    name = loaded.identity
    assert copy.deepcopy(loaded).half().identity == name
    assert copy.deepcopy(loaded).to(torch.bfloat16).to(torch.float32).identity == name
    assert torch.nn.ModuleList([copy.deepcopy(loaded)]).bfloat16()[0].identity == name  # type: ignore[union-attr]
    for dtype in (torch.float32, torch.bfloat16, torch.int8):
        assert copy.deepcopy(loaded).optimize(dtype).identity == name
    loaded.save_pretrained(tmp_path, dtype=torch.float16, max_shard_size="100KB")
    assert WavCube.from_pretrained(tmp_path).identity == WavCube.from_pretrained(tmp_path).optimize().identity == name
    changed = copy.deepcopy(loaded)
    change_one_value(changed)
    assert changed.half().identity != name


def test_the_packaged_model_keeps_its_name() -> None:
    """Latents that users have made with it stay decodable."""
    with safe_open(PACKAGED / "model.safetensors", "pt") as file:
        assert WavCube.from_pretrained().identity == file.metadata()["identity"]


def test_caches_of_features_see_every_weight(loaded: WavCube) -> None:
    from wavcube.features.wavcube import WavCubeExtractor

    before = WavCubeExtractor(loaded, "restored").fingerprint
    assert loaded.restorer is not None
    with torch.no_grad():
        loaded.restorer.projection[0].weight[0, 1] += 0.01
    assert WavCubeExtractor(loaded, "restored").fingerprint != before


def test_results_of_an_evaluation_see_every_weight_and_the_precision(loaded: WavCube) -> None:
    from wavcube.evaluation.systems.wavcube import WavCubeSystem

    seen = {WavCubeSystem(loaded).fingerprint}
    for dtype in (torch.float32, torch.bfloat16, torch.int8):
        seen.add(WavCubeSystem(copy.deepcopy(loaded).optimize(dtype)).fingerprint)
    with torch.no_grad():
        loaded.decoder.input.weight[0, 1] += 0.01
    seen.add(WavCubeSystem(loaded).fingerprint)
    seen.add(WavCubeSystem(copy.deepcopy(loaded).optimize(torch.int8)).fingerprint)
    assert len(seen) >= 5
