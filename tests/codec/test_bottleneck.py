"""Compressor and restorer: their layers against transformers, their kinds against the definitions."""

import pytest
import torch
import transformers
from torch import Tensor

from tests.codec.small import encoder_config, moved, relative_error, small_model
from wavcube.codec import BottleneckConfig, SemanticCompressor, SemanticRestorer, WavCube, WavCubeConfig
from wavcube.codec.bottleneck import pool

LIMIT = 1e-5


def compressor(**changes: object) -> SemanticCompressor:
    return moved(SemanticCompressor(encoder_config(), BottleneckConfig(latent_dim=16, **changes)))  # type: ignore[arg-type]


def features(batch: int = 2, frames: int = 31, seed: int = 0) -> Tensor:
    return torch.randn(batch, frames, 64, generator=torch.Generator().manual_seed(seed))


def test_layers_are_wavlm_layers_with_a_position_bias_of_their_own() -> None:
    """The first layer's relative position embedding serves all three, each with its own gate."""
    theirs = moved(
        transformers.WavLMModel(
            transformers.WavLMConfig(
                hidden_size=64,
                num_hidden_layers=4,
                num_attention_heads=4,
                intermediate_size=128,
                conv_dim=[32] * 7,
                feat_extract_norm="layer",
                do_stable_layer_norm=True,
            )
        )
    )
    with torch.no_grad():
        states = theirs(torch.randn(1, 16_000), output_hidden_states=True).hidden_states
        for part in (compressor(), SemanticRestorer(encoder_config(), BottleneckConfig(latent_dim=16)).eval()):
            part.layers.load_state_dict(theirs.encoder.layers[:3].state_dict())
            assert relative_error(part.layers(states[0]), states[3]) <= LIMIT


def test_the_projections_by_their_definition() -> None:
    """Linear, exact GELU, Linear, layer norm; small inputs, so that an epsilon of 1e-5 for 1e-6 would show."""
    part = compressor()
    first, _, second, norm = part.projection
    with torch.no_grad():
        for layer in (first, second):
            layer.bias.zero_()
        hidden = 1e-3 * features()
        wide = hidden @ first.weight.T
        assert wide.shape[-1] == (64 + 16) // 2
        narrow = (0.5 * wide * (1 + torch.erf(wide / 2**0.5))) @ second.weight.T
        centred = narrow - narrow.mean(-1, keepdim=True)
        expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight + norm.bias
        assert relative_error(part.projection(hidden), expected) <= LIMIT


def test_the_latent_of_an_autoencoder_is_the_projection() -> None:
    part = compressor()
    with torch.no_grad():
        result = part(features())
        assert torch.equal(result.latent, part.projection(part.layers(features())))
    assert result.kl is None
    assert result.lengths.tolist() == [31, 31]


@pytest.mark.parametrize("kind", ["vae", "sigma-vae"])
def test_noise_is_for_training_alone(kind: str) -> None:
    part = compressor(kind=kind)
    with torch.no_grad():
        code = part.projection(part.layers(features()))
        assert torch.equal(part(features()).latent, part.mean(code))
        part.train()
        torch.manual_seed(0)
        assert relative_error(part(features()).latent, part.mean(code)) > 0.01


def test_kl_of_a_variational_bottleneck() -> None:
    """Against torch's own: summed over channels, averaged over the frames that are real."""
    part, lengths = compressor(kind="vae"), [31, 9]
    with torch.no_grad():
        result = part(features(), torch.tensor(lengths))
        mask = torch.arange(31) < torch.tensor(lengths)[:, None]
        code = part.projection(part.layers(features(), mask))
        spread = (0.5 * part.log_variance(code).clamp(-12, 12)).exp()
        posterior = torch.distributions.Normal(part.mean(code), spread)
        per_frame = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    assert result.kl is not None
    assert float(result.kl) == pytest.approx(float(per_frame[mask].mean()), rel=1e-5)


@pytest.mark.parametrize("bias", [-50.0, 50.0])
def test_the_log_variance_is_clamped(bias: float) -> None:
    part = compressor(kind="vae")
    with torch.no_grad():
        part.mean.weight.zero_()
        part.mean.bias.zero_()
        part.log_variance.weight.zero_()
        part.log_variance.bias.fill_(bias)
        clamped = torch.tensor(12.0 if bias > 0 else -12.0)
        expected = 16 * 0.5 * (clamped.exp() - 1 - clamped)
        assert float(part(features()).kl) == pytest.approx(float(expected), rel=1e-5)


def test_samples_of_a_variational_bottleneck_have_its_spread() -> None:
    part = compressor(kind="vae")
    with torch.no_grad():
        part.log_variance.weight.zero_()
        part.log_variance.bias.copy_(torch.linspace(-4, 2, 16))
        mean = part(features(1)).latent
        part.train()
        part.layers.eval()
        torch.manual_seed(0)
        noise = torch.cat([part(features(1)).latent - mean for _ in range(400)]).flatten(0, 1)
    expected = (0.5 * torch.linspace(-4, 2, 16)).exp()
    assert (noise.std(0) / expected - 1).abs().max() < 0.05
    assert (noise.mean(0) / expected).abs().max() < 0.05


@pytest.mark.parametrize("random_sigma", [True, False])
def test_noise_of_a_sigma_vae(random_sigma: bool) -> None:
    """A fixed scale, or one drawn for each item from a normal distribution (arXiv 2412.08635, section 3.2)."""
    part = compressor(kind="sigma-vae", sigma=0.5, random_sigma=random_sigma)
    with torch.no_grad():
        mean = part(features(1)).latent
        part.train()
        part.layers.eval()
        torch.manual_seed(0)
        many = features(1).expand(500, -1, -1)
        scales = (part(many).latent - mean).flatten(1).std(1)
    assert float(scales.square().mean().sqrt()) == pytest.approx(0.5, rel=0.1)
    assert bool(scales.std() > 0.2) == random_sigma


def test_kl_of_a_sigma_vae_is_the_mean_square() -> None:
    part = compressor(kind="sigma-vae")
    with torch.no_grad():
        result = part(features(), torch.tensor([31, 5]))
        expected = 0.5 * torch.cat([result.latent[0], result.latent[1, :5]]).square().sum(-1).mean()
    assert float(result.kl) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("kind", ["ae", "vae", "sigma-vae"])
def test_gradients_reach_every_parameter(kind: str) -> None:
    part = compressor(kind=kind).train()
    result = part(features(), torch.tensor([31, 9]))
    (result.latent.square().mean() + (0.0 if result.kl is None else result.kl)).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in part.parameters())


def test_pooling_averages_what_an_item_has() -> None:
    hidden, lengths = features(3, 7), torch.tensor([7, 4, 1])
    pooled, counts = pool(hidden, lengths, 2)
    assert counts.tolist() == [4, 2, 1]
    for i, length in enumerate(lengths.tolist()):
        for place in range(int(counts[i])):
            expected = hidden[i, 2 * place : min(2 * place + 2, length)].mean(0)
            assert relative_error(pooled[i, place], expected) <= 1e-6


@pytest.mark.parametrize("frames", [30, 31])
def test_25_hz(frames: int) -> None:
    part = compressor(frame_rate=25)
    restorer = moved(SemanticRestorer(encoder_config(), BottleneckConfig(latent_dim=16, frame_rate=25)))
    with torch.no_grad():
        result = part(features(frames=frames))
        assert result.latent.shape == (2, (frames + 1) // 2, 16)
        hidden = restorer.projection(result.latent)
        expected = restorer.layers(torch.stack([hidden, hidden], 2).flatten(1, 2))
        assert relative_error(restorer(result.latent), expected) <= LIMIT


def test_without_layers_a_bottleneck_is_a_projection() -> None:
    part = compressor(layers=0)
    with torch.no_grad():
        assert torch.equal(part(features()).latent, part.projection(features()))


def test_layers_can_start_as_the_encoders() -> None:
    model = small_model()
    model.copy_layers_from_encoder()
    assert model.restorer is not None
    for part in (model.compressor, model.restorer):
        for copy, layer in zip(part.layers, model.encoder.encoder.layers, strict=False):
            for key, value in layer.state_dict().items():
                assert torch.equal(copy.state_dict()[key], value)
    # They are copies: training them leaves the encoder alone.
    own = {parameter.data_ptr() for parameter in model.compressor.parameters()}
    assert not own & {parameter.data_ptr() for parameter in model.encoder.parameters()}


def test_the_full_size_has_the_papers_shapes() -> None:
    with torch.device("meta"):
        model = WavCube(WavCubeConfig(restorer=True))
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    assert shapes["compressor.projection.0.weight"] == [576, 1024]
    assert shapes["compressor.projection.2.weight"] == [128, 576]
    assert shapes["restorer.projection.0.weight"] == [576, 128]
    assert shapes["restorer.projection.2.weight"] == [1024, 576]
