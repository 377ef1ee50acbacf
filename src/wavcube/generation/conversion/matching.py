"""Both halves of a conversion: a linear map between two voices' statistics, and the nearest of the target's frames."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

RIDGE = 1e-2
"""Added to every channel's variance (about 1): directions that a short recording shows too little of are left alone."""


@dataclass
class Statistics:
    """Mean [C] and covariance [C, C] of the latents of somebody's speech, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, latents: Tensor) -> Self:
        """Of [N, C]."""
        mean = latents.double().mean(0)
        centred = latents.double() - mean
        covariance = centred.T @ centred / len(latents)
        return cls(mean, covariance + RIDGE * torch.eye(len(mean), dtype=torch.float64))


def with_statistics(latents: Tensor, own: Statistics, wanted: Statistics) -> Tensor:
    """Latents [T, C], by the linear map that changes them least and gives them the wanted mean and covariance.

    It is the optimal transport between two normal distributions (Peyre and Cuturi, arXiv 1803.00567, remark 2.31).
    """
    root, inverse = _power(own.covariance, 0.5), _power(own.covariance, -0.5)
    matrix = inverse @ _power(root @ wanted.covariance @ root, 0.5) @ inverse
    return (wanted.mean + (latents.double() - own.mean) @ matrix).float()


def nearest_frames(queries: Tensor, keys: Tensor, values: Tensor, count: int) -> Tensor:
    """Means [T, C] of the `values` [N, C] of the `count` `keys` [N, H] that are nearest to `queries` [T, H], by cosine.

    `keys` have unit length.
    """
    likeness = F.normalize(queries, dim=-1) @ keys.T
    return values[likeness.topk(min(count, len(keys)), dim=-1).indices].mean(1)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric positive matrix."""
    values, axes = torch.linalg.eigh(matrix)
    return (axes * values.clamp_min(1e-9) ** exponent) @ axes.T
