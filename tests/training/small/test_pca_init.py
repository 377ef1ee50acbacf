import copy
import dataclasses

import numpy as np
import pytest
import torch

from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import ConfigError
from wavcube.training.small.pca_codec import PCACodec
from wavcube.training.small.pca_init import (
    carried_channels,
    freeze_compressor_code,
    freeze_encoder_code,
    pca_init_compressor,
    pca_init_decoder,
    pca_init_encoder,
)

CHANNELS = 24
SIZES = {
    "encoder": {
        "width": 64, "layers": 2, "heads": 2, "feed_forward": 64, "conv_channels": [128], "conv_kernels": [400],
        "conv_strides": [320], "conv_bias": True, "normalize_waveform": False, "position_kernel": 16,
        "position_groups": 4, "hidden_dropout": 0.0, "attention_dropout": 0.0,
    },
    "bottleneck": {"latent_dim": 32, "layers": 1},
    "decoder": {
        "width": 64, "layers": 1, "heads": 2, "feed_forward": 64, "vocoder_input_dim": 80,
        "vocoder": {"width": 80, "layers": 1, "heads": 2, "feed_forward": 64, "head": "cartesian"},
    },
}  # fmt: skip


def voices(count: int, seed: int) -> list[np.ndarray]:
    """Recordings [16000] of low, slowly moving tones: few components hold nearly all of them."""
    random, time = np.random.default_rng(seed), np.arange(16_000) / 16_000
    made = []
    for _ in range(count):
        pitch = random.uniform(80, 160) + 20 * np.sin(2 * np.pi * random.uniform(1, 3) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / 16_000
        made.append(sum(0.2 / k * np.sin(k * phase) for k in (1, 2, 3)).astype(np.float32))
    return made


def begin(model: WavCube) -> None:
    recordings = voices(20, seed=0)
    pca_init_encoder(model.encoder, PCACodec(recordings), CHANNELS)
    pca_init_compressor(model, CHANNELS)
    pca_init_decoder(model, recordings, CHANNELS)


@pytest.fixture(scope="module")
def model() -> WavCube:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.from_dict(SIZES))
    begin(model)
    return model


def test_the_components_are_orthogonal_and_the_strongest_come_first():
    code = PCACodec(voices(5, seed=0))
    assert (np.diff(code.power) <= 1e-9).all()
    filters, std = code.equalised(16)
    assert np.mean(np.square(std)) == pytest.approx(1.0)
    window = np.ones(400)
    window[:80] = np.sin(np.pi / 2 * (np.arange(80) + 0.5) / 80)
    window[320:] = window[79::-1]
    components = code.filters / window
    assert np.abs(components @ components.T - np.eye(400)).max() < 1e-9
    responses = np.stack(
        [filters @ frame for frame in np.lib.stride_tricks.sliding_window_view(voices(5, seed=0)[0], 400)]
    )
    assert np.sqrt(np.square(responses).mean(0)[:3]) == pytest.approx(std[:3], rel=0.5)


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_it_speaks_before_it_has_learnt_anything(model, level):
    for recording in voices(3, seed=1):
        recording = level * recording
        decoded = model.reconstruct(recording, 16_000)[0].numpy()
        error = decoded[800:15_000] - recording[800:15_000]
        assert 10 * np.log10(np.mean(recording[800:15_000] ** 2) / np.mean(error**2)) > 8.0


def test_random_weights_do_not_speak():
    torch.manual_seed(0)
    recording = voices(1, seed=1)[0]
    decoded = WavCube(WavCubeConfig.from_dict(SIZES)).reconstruct(recording, 16_000)[0].numpy()
    assert np.mean((decoded - recording) ** 2) > 0.5 * np.mean(recording**2)


def test_every_part_can_still_learn(model):
    waveform = torch.from_numpy(np.stack(voices(2, seed=2)))
    decoded = model.decoder(model.compressor(model.encoder(waveform)[0]).latent)
    model.zero_grad()
    decoded.square().mean().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None and "restorer" not in name]
    assert not idle
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_silence_gives_silence_and_finite_gradients(model):
    decoded = model.decoder(model.compressor(model.encoder(torch.zeros(1, 16_000))[0]).latent)
    assert decoded[:, 800:15_000].abs().max() < 0.02
    model.zero_grad()
    decoded.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_a_held_code_does_not_move():
    torch.manual_seed(0)
    encoder = WavCube(WavCubeConfig.from_dict(SIZES)).encoder
    pca_init_encoder(encoder, PCACodec(voices(5, seed=0)), CHANNELS)
    freeze_encoder_code(encoder, CHANNELS)
    encoder(torch.from_numpy(np.stack(voices(2, seed=2))))[0].square().mean().backward()
    carried = carried_channels(64, CHANNELS)
    others = [i for i in range(64) if i not in carried]
    assert encoder.feature_extractor.conv_layers[0].conv.weight.grad is None
    layer = encoder.encoder.layers[0]
    for linear in (encoder.feature_projection.projection, layer.attention.out_proj, layer.feed_forward.output_dense):
        assert linear.weight.grad[carried].abs().max() == 0.0
        assert linear.weight.grad[others].abs().max() > 0.0


def test_a_held_latent_keeps_its_code(model):
    held = copy.deepcopy(model)
    freeze_compressor_code(held, CHANNELS)
    waveform = torch.from_numpy(np.stack(voices(2, seed=2)))
    held.zero_grad()
    held.compressor(held.encoder(waveform)[0]).latent.square().mean().backward()
    first, _, second, norm = held.compressor.projection
    for linear in (first, second):
        assert linear.weight.grad[:CHANNELS].abs().max() == 0.0
        assert linear.weight.grad[CHANNELS:-2].abs().max() > 0.0
    assert norm.weight.grad is None


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("encoder", {"conv_bias": False}, "bias"),
        ("encoder", {"normalize_waveform": True}, "normalize_waveform"),
        ("encoder", {"width": 16, "position_groups": 2}, "channels"),
        ("decoder", {"vocoder_input_dim": 64}, "vocoder_input_dim"),
    ],
)
def test_shapes_that_cannot_carry_it_are_named(part, changes, message):
    model = WavCube(WavCubeConfig.from_dict({**SIZES, part: {**SIZES[part], **changes}}))
    with pytest.raises(ConfigError, match=message):
        begin(model)


def test_a_polar_head_is_refused(model):
    vocoder = dataclasses.replace(model.config.decoder.vocoder, head="polar")
    decoder = dataclasses.replace(model.config.decoder, vocoder=vocoder)
    polar = WavCube(dataclasses.replace(model.config, decoder=decoder))
    with pytest.raises(ConfigError, match="cartesian"):
        pca_init_decoder(polar, voices(2, seed=0), CHANNELS)
