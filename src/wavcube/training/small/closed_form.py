"""Closed-form initialisation of a linear compressor and restorer: reduced-rank regression of features on themselves.

The latent has to represent content (the encoder's last layer) and sound (the log-mel). The few directions of the
features from which both are best restored, each weighed as a whole, are known in closed form (Izenman 1975, Journal
of Multivariate Analysis 5). Directions keep a part of their strength, so that noise costs little, and are rotated until
all channels have the same variance. Pitch keeps channels of its own, the last ones. A linear restorer is the least
squares from the latent to the encoder's last layer.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.codec import WavCube
from wavcube.codec.bottleneck import LinearRestorer
from wavcube.errors import ConfigError

RIDGE = 3e-3
"""Beside the variance of one of a standardised feature."""

EXPONENT = 0.5
"""Of a direction's standard deviation in the latent: 0 would make all equally strong, 1 leave them as they are."""

SILENCE, SILENCE_WEIGHT = -0.1, 0.25
"""Mean of the log-mel (log10 of power plus 4, over 4) below which a frame counts as silence, and its weight."""

RESTORER_RIDGE = 1e-4
"""Beside the variance of one of a latent channel."""

PITCH_CHANNELS = 4

EVEN = 1.02
"""Largest ratio of the variances of two channels after the rotation."""


@torch.no_grad()
def closed_form_init(model: WavCube, recordings: Sequence[np.ndarray], mel_weight: float) -> dict[str, float]:
    """Write the closed-form solution for `recordings` [S] at 16 kHz into the model's compressor and linear restorer.

    Args:
        mel_weight: weight of the log-mel, as a whole, beside the last layer's of one.

    Returns:
        Shares of the variance of "mel" and "layer" that a linear map restores from the directions.

    Raises:
        ConfigError: the model has no linear compressor, or no log-mel among its features.
    """
    encoder, bottleneck = model.config.encoder, model.config.bottleneck
    if bottleneck.compressor != "linear" or bottleneck.pooling != 1 or not encoder.mel_features:
        raise ConfigError(
            "model.closed_form: needs bottleneck.compressor=linear at 50 Hz, and encoder.mel_features=true"
        )
    features = torch.cat([model.encoder(torch.as_tensor(r, dtype=torch.float32)[None])[0][0] for r in recordings])
    features = features.double()
    mels, pitches = 2 * encoder.mel_bins, PITCH_CHANNELS * encoder.pitch_features
    weights = torch.where(features[:, :mels].mean(1) > SILENCE, 1.0, SILENCE_WEIGHT).double()
    weights = weights / weights.sum()
    mean = weights @ features
    std = (weights @ (features - mean).square()).sqrt() + 1e-4
    standard = (features - mean) / std
    covariance = standard.T @ (standard * weights[:, None])
    chosen = torch.cat([torch.arange(mels), torch.arange(mels + pitches, features.shape[1])])
    channels = bottleneck.latent_dim - pitches
    standard_weight = torch.zeros(bottleneck.latent_dim, features.shape[1], dtype=torch.float64)
    basis, shares = _channels(covariance[chosen][:, chosen], mels, encoder.width, mel_weight, channels)
    standard_weight[:channels, chosen] = basis.T
    for k in range(pitches):
        standard_weight[channels + k, mels + k] = 1.0
    weight = standard_weight / std
    linear = model.compressor.projection[0]
    assert isinstance(linear, nn.Linear)
    linear.weight.copy_(weight)
    linear.bias.copy_(-weight @ mean)
    if isinstance(model.restorer, LinearRestorer):
        # The latent has a mean of zero, so that the bias is the mean of what is restored.
        cross = standard_weight @ covariance[:, -encoder.width :]
        gram = standard_weight @ covariance @ standard_weight.T
        gram = gram + RESTORER_RIDGE * torch.eye(len(gram), dtype=gram.dtype)
        model.restorer.projection.weight.copy_((torch.linalg.solve(gram, cross) * std[-encoder.width :]).T)
        model.restorer.projection.bias.copy_(mean[-encoder.width :])
    return shares


def _channels(
    covariance: Tensor, mels: int, width: int, mel_weight: float, count: int
) -> tuple[Tensor, dict[str, float]]:
    """`count` channels [C, count] of standardised features [C], and the shares that they restore.

    The first `mels` features are the log-mel, the last `width` the last of the layers that lie side by side.
    """
    layer = len(covariance) - width
    importance = torch.zeros(len(covariance), dtype=torch.float64)
    importance[:mels], importance[layer:] = math.sqrt(mel_weight / mels), math.sqrt(1 / width)
    basis = _directions(covariance, importance, count)
    shares = {
        "mel": _restored(covariance, basis, slice(0, mels)),
        "layer": _restored(covariance, basis, slice(layer, None)),
    }
    variance = (basis * (covariance @ basis)).sum(0)
    basis = basis * variance ** ((EXPONENT - 1) / 2)
    basis = basis @ even_rotation(variance**EXPONENT)
    return basis / (basis * (covariance @ basis)).sum(0).sqrt(), shares


def _directions(covariance: Tensor, importance: Tensor, count: int) -> Tensor:
    """The `count` directions [C, count] of standardised features that best restore them, by their importance [C]."""
    ridged = covariance + RIDGE * torch.eye(len(covariance), dtype=covariance.dtype)
    maps = torch.linalg.solve(ridged, covariance) * importance
    _, axes = torch.linalg.eigh(maps.T @ covariance @ maps)
    return maps @ axes.flip(1)[:, :count]


def _restored(covariance: Tensor, basis: Tensor, part: slice) -> float:
    """Share of the variance of a part of the features that is linear in the directions."""
    cross = basis.T @ covariance[:, part]
    gram = basis.T @ covariance @ basis
    gram = gram + 1e-6 * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
    return float((cross * torch.linalg.solve(gram, cross)).sum() / covariance[part, part].trace())


def even_rotation(variance: Tensor) -> Tensor:
    """An orthogonal matrix [C, C] after which uncorrelated channels of these variances all have about the same one."""
    count = len(variance)
    random = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(count, count, generator=random, dtype=torch.float64))
    for _ in range(100 * count):
        now = variance @ rotation.square()
        most, least = int(now.argmax()), int(now.argmin())
        if now[most] <= EVEN * now[least]:
            break
        # Turning the plane of the strongest and the weakest channel gives both their mean.
        first, second = rotation[:, most].clone(), rotation[:, least].clone()
        angle = 0.5 * math.atan2(float(now[most] - now[least]), 2 * float((first * second) @ variance))
        rotation[:, most] = math.cos(angle) * first - math.sin(angle) * second
        rotation[:, least] = math.sin(angle) * first + math.cos(angle) * second
    return rotation
