"""Reduced-rank-regression initialisation of the latent channels that PCA leaves.

What the PCA initialisation (pca_init.py) leaves of the latent, some dozens of channels, has to hold what 256 features
and more mean. From random weights stage 1 finds such channels slowly. But distillation leaves linear heads behind,
which predict the teacher and the log-mel spectrum from the features; the few directions of the features from
which the heads' estimates are best restored are known in closed form (reduced rank regression: Izenman 1975, Journal of
Multivariate Analysis 5). The compressor begins with them, and keeps them: acoustic losses would soon write the waveform
into these channels too, where a restorer of several layers still finds the meaning, but no linear layer does. What they
say may change with the encoder, which its teacher anchors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wavcube.codec import SpeechEncoder, WavCube
from wavcube.errors import ConfigError
from wavcube.training.small.distillation_heads import WEIGHTS
from wavcube.training.small.pca_init import GELU_BIAS, freeze_rows

RIDGE = 1e-6
"""Beside the mean variance of a feature: constant features have no direction."""


@dataclass(frozen=True)
class Directions:
    """Directions of the features: (features - mean) @ basis is uncorrelated, of variance 1, and the strongest first.

    Attributes:
        mean: [H].
        basis: [H, count]; zero for the features that carry the code.
        explained: share of the heads' weighted variance that they restore.
    """

    mean: Tensor
    basis: Tensor
    explained: float


@torch.no_grad()
def find_directions(
    encoder: SpeechEncoder, heads: dict[str, Tensor], recordings: Sequence[np.ndarray], count: int, channels: int
) -> Directions:
    """The `count` directions of what an encoder's features are beside the code in the first `channels` of them.

    They are found on `recordings` [S] at 16 kHz.
    """
    encoder.eval()
    features = torch.cat([encoder(torch.as_tensor(r, dtype=torch.float32)[None])[0][0] for r in recordings]).double()
    mean = features.mean(0)
    centred = (features - mean)[:, channels:]
    covariance = centred.T @ centred / len(centred)
    covariance += RIDGE * covariance.trace() / len(covariance) * torch.eye(len(covariance), dtype=covariance.dtype)
    power, axes = torch.linalg.eigh(covariance)
    root, inverse = (axes * power**exponent @ axes.T for exponent in (0.5, -0.5))
    # As far as distillation cared for them: a head's estimates have the variance of its weight in the loss.
    predicted = [head.double()[:, channels:] @ root for head in heads.values()]
    predicted = [WEIGHTS[name] ** 0.5 * t / t.norm() for name, t in zip(heads, predicted, strict=True)]
    _, strength, right = torch.linalg.svd(torch.cat(predicted), full_matrices=False)
    explained = strength[:count].square().sum() / strength.square().sum()
    basis = torch.zeros(len(mean), count)
    basis[channels:] = (inverse @ right[:count].T).float()
    return Directions(mean.float(), basis, float(explained))


@torch.no_grad()
def rrr_init_compressor(model: WavCube, directions: Directions, channels: int) -> None:
    """Let the latent begin with the directions beside the code of `channels`, one fewer than there are channels left.

    They are rotated so that the channels sum to zero: the layer norm at the latent's end subtracts the mean over
    channels, and nothing of them is to leak into the code. The compressor's layers begin as the identity.

    Raises:
        ConfigError: the compressor's shape does not allow it.
    """
    first, _, second, _ = model.compressor.projection
    free = model.config.bottleneck.latent_dim - 2 - channels
    if channels + free > first.out_features or directions.basis.shape[1] != free - 1:
        raise ConfigError(
            f"reduced-rank initialisation: {channels} + {free} channels do not fit into {first.out_features}"
        )
    for layer in model.compressor.layers:
        for linear in (layer.attention.out_proj, layer.feed_forward.output_dense):
            linear.weight.zero_()
            linear.bias.zero_()
    rows = directions.basis @ _zero_sum(free).T  # [H, free]
    taken = slice(channels, channels + free)
    first.weight[taken] = 0.5 * rows.T
    first.bias[taken] = GELU_BIAS - 0.5 * (directions.mean @ rows)
    second.weight[taken] = 0.0
    second.weight[taken, taken] = 2.0 * torch.eye(free)
    second.bias[taken] = -2.0 * GELU_BIAS


def freeze_semantics(model: WavCube, channels: int) -> None:
    """Stop gradients that would change how the latent's channels beside the code follow from the features."""
    first, _, second, norm = model.compressor.projection
    beside = range(channels, model.config.bottleneck.latent_dim - 2)
    for layer in model.compressor.layers:
        rest = range(channels, model.config.encoder.width)
        freeze_rows(layer.attention.out_proj, rest)
        freeze_rows(layer.feed_forward.output_dense, rest)
    for part in (first, second, norm):
        freeze_rows(part, beside)


def _zero_sum(size: int) -> Tensor:
    """Orthonormal columns [size, size - 1], each of which sums to zero."""
    columns = torch.cat([torch.ones(size, 1), torch.eye(size)[:, 1:]], dim=1).double()
    return torch.linalg.qr(columns).Q[:, 1:].float()
