"""Small models away from their initial weights, signals to feed them, and a measure of difference."""

import dataclasses
import math
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.codec import BottleneckConfig, EncoderConfig, WavCube, WavCubeConfig

Module = TypeVar("Module", bound=nn.Module)

TINY = WavCubeConfig.preset("tiny")

W2V_BERT: dict[str, Any] = {
    "normalize_waveform": False,
    "mel_bins": 20,
    "activation": "swish",
    "conformer_kernel": 5,
    "relative_back": 9,
    "relative_ahead": 3,
}

ENCODERS: dict[str, dict[str, Any]] = {
    "wavlm": {},
    "wavlm-base": {"pre_norm": False, "conv_norm": "group"},
    "hubert": {"family": "hubert"},
    "hubert-base": {
        "family": "hubert",
        "pre_norm": False,
        "conv_norm": "group",
        "conv_bias": True,
        "projection_norm": False,
    },
    "wav2vec2": {"family": "wav2vec2", "conv_bias": True},
    "wav2vec2-base": {"family": "wav2vec2", "pre_norm": False, "conv_norm": "group"},
    "data2vec-audio": {
        "family": "data2vec-audio",
        "pre_norm": False,
        "position_layers": 5,
        "position_kernel": 19,
    },
    "no-normalisation": {"normalize_waveform": False},
    "layer-3": {"feature_layer": 3},
    "layers-concatenated": {"feature_layers": (1, 3, -1)},
    "layers-weighted": {"feature_layers": (0, 2), "feature_mix": "weighted"},
    "mel-and-pitch": {"mel_features": True, "pitch_features": True, "mel_bins": 20, "pitch_width": 16},
    "whisper": {"family": "whisper", "normalize_waveform": False, "mel_bins": 20},
    "whisper-layers": {
        "family": "whisper",
        "normalize_waveform": False,
        "mel_bins": 20,
        "feature_layers": (2, -1),
        "feature_mix": "weighted",
    },
    "w2v-bert": {"family": "wav2vec2-bert", **W2V_BERT},
    "w2v-bert-layers": {"family": "wav2vec2-bert", **W2V_BERT, "feature_layers": (0, 2), "feature_mix": "weighted"},
}
"""What each kind of encoder changes in the tiny configuration."""


def encoder_config(name: str = "wavlm", **changes: Any) -> EncoderConfig:
    return dataclasses.replace(TINY.encoder, **{**ENCODERS[name], **changes})


def small_config(encoder: str = "wavlm", **bottleneck: Any) -> WavCubeConfig:
    """The tiny configuration with another encoder or another bottleneck."""
    return dataclasses.replace(
        TINY,
        encoder=encoder_config(encoder),
        bottleneck=BottleneckConfig(**{"latent_dim": TINY.bottleneck.latent_dim, **bottleneck}),
    )


def small_model(encoder: str = "wavlm", seed: int = 0, **bottleneck: Any) -> WavCube:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return moved(WavCube(small_config(encoder, **bottleneck)), seed)


def moved(module: Module, seed: int = 0, scale: float = 0.1) -> Module:
    """The module in eval mode with every parameter moved away from its initial value.

    With initial weights many faults do not show: norms scale by one, biases are zero and attention is nearly even.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def signal(samples: int, seed: int = 0, level: float = 0.3) -> np.ndarray:
    """Float32 [S]: a buzz with a moving pitch and envelope, and noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    pitch = generator.uniform(90, 220)
    phase = 2 * math.pi * pitch * (time + 0.02 * np.sin(2 * math.pi * generator.uniform(0.5, 2) * time))
    buzz = sum(np.sin(k * phase + k) / k for k in range(1, 9))
    envelope = 0.6 + 0.4 * np.sin(2 * math.pi * generator.uniform(1, 4) * time + generator.uniform(0, 6))
    return (level * (0.4 * envelope * buzz + 0.1 * generator.standard_normal(samples))).astype(np.float32)


def padded_batch(lengths: list[int], seed: int = 0, padding: float = 0.7) -> Tensor:
    """Signals of these lengths, each at another level, in one batch [B, S]; behind them is noise, not silence."""
    generator = np.random.default_rng(seed)
    batch = padding * generator.standard_normal((len(lengths), max(lengths))).astype(np.float32)
    for row, (item, length) in enumerate(zip(batch, lengths, strict=True)):
        item[:length] = signal(length, seed=100 * seed + row, level=0.05 + 0.2 * row)
    return torch.from_numpy(batch)


def relative_error(got: Tensor | np.ndarray, expected: Tensor | np.ndarray) -> float:
    """||got - expected|| / ||expected||, in float64; shapes must agree."""
    got, expected = (torch.as_tensor(value).detach().double() for value in (got, expected))
    assert got.shape == expected.shape, f"{list(got.shape)} is not {list(expected.shape)}"
    return float((got - expected).norm() / expected.norm())
