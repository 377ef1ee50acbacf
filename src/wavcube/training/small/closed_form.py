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
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
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

VOICING_SLOPE = 10.0
"""Of the logit of voicing in its probability, which is 0 at a half."""

EVEN = 1.02
"""Largest ratio of the variances of two channels after the rotation."""


@torch.no_grad()
def closed_form_init(model: WavCube, recordings: Sequence[np.ndarray], mel_weight: float) -> dict[str, float]:
    """Write the closed-form solution for `recordings` [S] at 16 kHz into the model's linear maps.

    They are the compressor, a linear restorer, and what a source-filter decoder reads F0 and voicing with.

    Args:
        mel_weight: weight of the log-mel, as a whole, beside the last layer's of one; infinite for directions of the
            log-mel alone, of no effect without log-mel among the features.

    Returns:
        Shares of the variance of "mel" (where it is among the features) and "layer" that a linear map restores from the
        directions.

    Raises:
        ConfigError: the model has no linear compressor, or more channels than there are directions.
    """
    encoder, bottleneck = model.config.encoder, model.config.bottleneck
    if bottleneck.compressor != "linear" or bottleneck.pooling != 1:
        raise ConfigError("model.closed_form: needs bottleneck.compressor=linear at 50 Hz")
    mels, pitches = 2 * encoder.mel_bins * encoder.mel_features, PITCH_CHANNELS * encoder.pitch_features
    mean, std, covariance = _moments(model, recordings, mels)
    everything = torch.arange(len(mean))
    alone = bool(mels) and math.isinf(mel_weight)
    parts = {"mel": everything[:mels], "layer": everything[-encoder.width :]}  # the last of the layers side by side
    parts = {name: part for name, part in parts.items() if len(part) and not (alone and name == "layer")}
    importance = torch.zeros(len(mean), dtype=torch.float64)
    for name, part in parts.items():
        importance[part] = math.sqrt((1.0 if alone or name == "layer" else mel_weight) / len(part))
    chosen = parts["mel"] if alone else torch.cat([everything[:mels], everything[mels + pitches :]])
    channels = bottleneck.latent_dim - pitches
    if channels > len(chosen):
        raise ConfigError(f"model.closed_form: {channels} channels of {len(chosen)} features; lower latent_dim")
    standard_weight = torch.zeros(bottleneck.latent_dim, len(mean), dtype=torch.float64)
    basis = _channels(covariance[chosen][:, chosen], importance[chosen], channels)
    standard_weight[:channels, chosen] = basis.T
    shares = {name: _restored(covariance, standard_weight[:channels].T, part) for name, part in parts.items()}
    for k in range(pitches):
        standard_weight[channels + k, mels + k] = 1.0
    weight = standard_weight / std
    linear = model.compressor.projection[0]
    assert isinstance(linear, nn.Linear)
    linear.weight.copy_(weight)
    linear.bias.copy_(-weight @ mean)
    if isinstance(model.decoder, SourceFilterDecoder) and pitches:
        _read_pitch(model.decoder, mean[mels : mels + pitches], std[mels : mels + pitches])
    if isinstance(model.restorer, LinearRestorer):
        # The latent has a mean of zero, so that the bias is the mean of what is restored.
        cross = standard_weight @ covariance[:, -encoder.width :]
        gram = standard_weight @ covariance @ standard_weight.T
        gram = gram + RESTORER_RIDGE * torch.eye(len(gram), dtype=gram.dtype)
        model.restorer.projection.weight.copy_((torch.linalg.solve(gram, cross) * std[-encoder.width :]).T)
        model.restorer.projection.bias.copy_(mean[-encoder.width :])
    return shares


def _read_pitch(decoder: SourceFilterDecoder, mean: Tensor, std: Tensor) -> None:
    """Let the decoder begin with the F0 and voicing that are in the latent's last channels, of `mean` and `std`."""
    scale = torch.tensor([1.0, VOICING_SLOPE] * (len(mean) // 2), dtype=mean.dtype)
    middle = torch.tensor([0.0, 0.5] * (len(mean) // 2), dtype=mean.dtype)
    decoder.pitch.weight.zero_()
    decoder.pitch.weight[:, -len(mean) :] = torch.diag(scale * std)
    decoder.pitch.bias.copy_(scale * (mean - middle))


def _moments(model: WavCube, recordings: Sequence[np.ndarray], mels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [H] and standard deviation [H] of the features, and the covariance [H, H] of the standardised ones."""
    width = model.config.encoder.feature_width
    weight, total = torch.zeros((), dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
    products = torch.zeros(width, width, dtype=torch.float64)
    for recording in recordings:
        features = model.encoder(torch.as_tensor(recording, dtype=torch.float32)[None])[0][0].double()
        weights = torch.ones(len(features), dtype=torch.float64)
        if mels:
            weights[features[:, :mels].mean(1) <= SILENCE] = SILENCE_WEIGHT
        weight += weights.sum()
        total += weights @ features
        products += features.T @ (features * weights[:, None])
    mean = total / weight
    covariance = products / weight - torch.outer(mean, mean)
    std = covariance.diagonal().clamp_min(0).sqrt() + 1e-4
    return mean, std, covariance / torch.outer(std, std)


def _channels(covariance: Tensor, importance: Tensor, count: int) -> Tensor:
    """`count` channels [C, count] of standardised features [C], of variance 1 and equally strong."""
    basis = _directions(covariance, importance, count)
    variance = (basis * (covariance @ basis)).sum(0)
    basis = basis * variance ** ((EXPONENT - 1) / 2)
    basis = basis @ even_rotation(variance**EXPONENT)
    return basis / (basis * (covariance @ basis)).sum(0).sqrt()


def _directions(covariance: Tensor, importance: Tensor, count: int) -> Tensor:
    """The `count` directions [C, count] of standardised features that best restore them, by their importance [C]."""
    ridged = covariance + RIDGE * torch.eye(len(covariance), dtype=covariance.dtype)
    maps = torch.linalg.solve(ridged, covariance) * importance
    _, axes = torch.linalg.eigh(maps.T @ covariance @ maps)
    return maps @ axes.flip(1)[:, :count]


def _restored(covariance: Tensor, basis: Tensor, part: Tensor) -> float:
    """Share of the variance of a part of the features that is linear in the directions."""
    cross = basis.T @ covariance[:, part]
    gram = basis.T @ covariance @ basis
    gram = gram + 1e-6 * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
    return float((cross * torch.linalg.solve(gram, cross)).sum() / covariance.diagonal()[part].sum())


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
