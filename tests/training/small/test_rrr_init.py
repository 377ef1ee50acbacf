import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.training.small.test_pca_init import CHANNELS, SIZES, voices
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import CheckpointError, ConfigError
from wavcube.training.config import ModelConfig
from wavcube.training.init_from import resumed_model, stage1_model
from wavcube.training.small.distill import save_student
from wavcube.training.small.distillation_heads import HEADS, load_heads
from wavcube.training.small.pca_codec import PCACodec
from wavcube.training.small.pca_init import pca_init_compressor, pca_init_encoder
from wavcube.training.small.rrr_init import find_directions, freeze_semantics, rrr_init_compressor

FREE = SIZES["bottleneck"]["latent_dim"] - 2 - CHANNELS


def student_and_heads() -> tuple[WavCube, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.from_dict(SIZES))
    pca_init_encoder(model.encoder, PCACodec(voices(20, seed=0)), CHANNELS)
    # Heads of few dimensions: what they tell can be restored from fewer directions than there are channels.
    heads = {"last": torch.randn(40, 3) @ torch.randn(3, 64), "spectrum": torch.randn(20, 2) @ torch.randn(2, 64)}
    return model, heads


@torch.no_grad()
def features(model: WavCube, recordings: list[np.ndarray]) -> torch.Tensor:
    model.eval()
    return torch.cat([model.encoder(torch.from_numpy(r)[None])[0][0] for r in recordings])


def unexplained(estimate_from: torch.Tensor, target: torch.Tensor) -> float:
    given = torch.cat([estimate_from, torch.ones(len(estimate_from), 1)], 1).double()
    expected = target.double()
    solution = torch.linalg.lstsq(given, expected, driver="gelsd").solution
    rest = expected - given @ solution
    return float(rest.square().sum() / (expected - expected.mean(0)).square().sum())


def before_norm(model: WavCube, values: torch.Tensor) -> torch.Tensor:
    """The latent before the layer norm at its end, which takes the mean over all channels away."""
    return model.compressor.projection[:3](model.compressor.layers(values, None))


def meant(values: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    """What a head tells from the features beside the code."""
    return values[:, CHANNELS:] @ head[:, CHANNELS:].T


def test_directions_span_what_the_heads_predict():
    model, heads = student_and_heads()
    recordings = voices(10, seed=1)
    found = find_directions(model.encoder, heads, recordings, 5, CHANNELS)
    values = features(model, recordings)
    projected = (values - found.mean) @ found.basis
    torch.testing.assert_close(projected.T.cov(), torch.eye(5), atol=0.02, rtol=0)
    assert found.explained > 0.999
    for head in heads.values():
        assert unexplained(projected, meant(values, head)) < 1e-3
    assert found.basis[:CHANNELS].abs().max() == 0.0
    fewer = find_directions(model.encoder, heads, recordings, 2, CHANNELS)
    assert fewer.explained < 0.98
    torch.testing.assert_close(fewer.basis, found.basis[:, :2])


def test_the_latent_begins_with_them_and_the_code_stays():
    model, heads = student_and_heads()
    pca_init_compressor(model, CHANNELS)
    recordings = voices(10, seed=1)
    found = find_directions(model.encoder, heads, recordings, FREE - 1, CHANNELS)
    rrr_init_compressor(model, found, CHANNELS)
    values = features(model, recordings)
    with torch.no_grad():
        latent = model.compressor(values[None]).latent[0]
        summed = before_norm(model, values[None])[0, :, CHANNELS:-2].sum(1)
    for head in heads.values():
        assert unexplained(latent[:, CHANNELS:-2], meant(values, head)) < 0.02
    code = values[:, :CHANNELS]
    assert (latent[:, :CHANNELS] - code).square().mean() < 0.02 * code.square().mean()
    assert summed.abs().max() < 0.1


def test_what_the_latent_means_is_held_and_the_code_is_not():
    model, heads = student_and_heads()
    pca_init_compressor(model, CHANNELS)
    rrr_init_compressor(model, find_directions(model.encoder, heads, voices(5, seed=1), FREE - 1, CHANNELS), CHANNELS)
    freeze_semantics(model, CHANNELS)
    values = features(model, voices(2, seed=2))[None]
    before = before_norm(model, values).detach()
    optimizer = torch.optim.SGD(model.compressor.parameters(), lr=0.02)
    for _ in range(2):  # gradients reach the weights before those that are zero at first in the second step
        model.compressor(values).latent.pow(4).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    moved = (before_norm(model, values).detach() - before).abs().amax((0, 1))
    assert moved[:CHANNELS].min() > 1e-4
    assert moved[CHANNELS:-2].max() < 1e-5
    layer = model.compressor.layers[0]
    assert layer.feed_forward.output_dense.weight[:CHANNELS].abs().max() > 0
    assert layer.feed_forward.output_dense.weight[CHANNELS:].abs().max() == 0


def test_a_wrong_number_of_directions_is_refused():
    model, heads = student_and_heads()
    pca_init_compressor(model, CHANNELS)
    with pytest.raises(ConfigError, match="reduced-rank"):
        rrr_init_compressor(model, find_directions(model.encoder, heads, voices(2, seed=1), FREE, CHANNELS), CHANNELS)


def test_a_folder_without_heads_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="run folder of a distillation"):
        load_heads(tmp_path)
    save_file({f"head_{name}.weight": torch.zeros(3, 4) for name in ("last", "middle", "spectrum")}, tmp_path / HEADS)
    assert set(load_heads(tmp_path)) == {"last", "spectrum"}


def test_stage_1_begins_so_and_keeps_it(tmp_path, small_config):
    model, heads = student_and_heads()
    save_student(tmp_path, model.config.encoder, model.encoder.state_dict())
    save_file({f"head_{name}.weight": head for name, head in heads.items()}, tmp_path / HEADS)
    sizes = {"bottleneck": SIZES["bottleneck"], "decoder": SIZES["decoder"]}
    small_config.model = ModelConfig(pca_init=CHANNELS, rrr_init=True, **sizes)
    small_config.init_from = str(tmp_path)
    begun = stage1_model(small_config)
    begun.save_pretrained(tmp_path / "model")
    recordings = voices(3, seed=1)
    for started in (begun, resumed_model(tmp_path / "model", small_config)):
        values = features(started, recordings)
        code = started.compressor(values[None]).latent
        assert unexplained(code[0, :, CHANNELS:-2].detach(), meant(values, heads["last"])) < 0.05
        code.square().mean().backward()
        second = started.compressor.projection[2]
        assert second.weight.grad.abs().max() == 0.0

    small_config.model = ModelConfig(pca_init=CHANNELS, **sizes)
    without = stage1_model(small_config)
    values = features(without, recordings)
    code = without.compressor(values[None]).latent
    assert unexplained(code[0, :, CHANNELS:-2].detach(), meant(values, heads["last"])) > 0.2
    code.square().mean().backward()
    assert without.compressor.projection[2].weight.grad.abs().max() > 0.0
