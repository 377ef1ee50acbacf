"""Both halves of a conversion: a linear map between two voices' statistics, and the nearest of the target's frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

RIDGE = 1e-2
"""Added to every channel's variance (about 1): directions that a short recording shows too little of are left alone."""

FRAMES_AT_ONCE = 3000
"""A minute of a long recording, so that nothing in between is as large as the recording."""


@dataclass
class Statistics:
    """Mean [C] and covariance [C, C] of the latents of somebody's speech, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, latents: Tensor, speech: Tensor | None = None) -> Self:
        """Of [N, C], or of those frames of it where `speech` [N] is true."""

        def blocks() -> Iterator[Tensor]:
            for start in range(0, len(latents), FRAMES_AT_ONCE):
                within = slice(start, start + FRAMES_AT_ONCE)
                yield (latents[within] if speech is None else latents[within][speech[within]]).double()

        count = len(latents) if speech is None else int(speech.sum())
        mean, covariance = torch.zeros(latents.shape[1]).double(), RIDGE * torch.eye(latents.shape[1]).double()
        for block in blocks():
            mean += block.sum(0) / count
        for block in blocks():
            covariance += (block - mean).T @ (block - mean) / count
        return cls(mean, covariance)


@dataclass
class VoiceMap:
    """The linear map that changes latents least and gives them the wanted mean and covariance.

    It is the optimal transport between two normal distributions (Peyre and Cuturi, arXiv 1803.00567, remark 2.31).
    """

    matrix: Tensor
    own: Tensor
    wanted: Tensor

    @classmethod
    def between(cls, own: Statistics, wanted: Statistics) -> Self:
        """From frames with the statistics `own` to such with those that are wanted."""
        root, inverse = _power(own.covariance, 0.5), _power(own.covariance, -0.5)
        return cls(inverse @ _power(root @ wanted.covariance @ root, 0.5) @ inverse, own.mean, wanted.mean)

    def __call__(self, latents: Tensor) -> Tensor:
        """Of latents [T, C]."""
        return (self.wanted + (latents.double() - self.own) @ self.matrix).float()


def nearest(queries: Tensor, keys: Tensor, count: int) -> Tensor:
    """Which `count` of the `keys` [N, H] are nearest to each of the `queries` [T, H], by cosine: numbers [T, count].

    `keys` have unit length.
    """
    likeness = F.normalize(queries, dim=-1) @ keys.T
    return likeness.topk(min(count, len(keys)), dim=-1).indices


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric positive matrix."""
    values, axes = torch.linalg.eigh(matrix)
    return (axes * values.clamp_min(1e-9) ** exponent) @ axes.T
