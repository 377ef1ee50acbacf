"""Magnitude -> waveform where the phase is lost: fast Griffin-Lim (Perraudin et al., WASPAA 2013)."""

from collections.abc import Callable

import torch
from torch import Tensor


def griffin_lim(
    magnitude: Tensor,
    analyse: Callable[[Tensor], Tensor],
    synthesise: Callable[[Tensor], Tensor],
    *,
    iterations: int,
    momentum: float = 0.99,
    seed: int = 0,
) -> Tensor:
    """A waveform [S] whose spectrum has nearly this magnitude.

    Args:
        magnitude: [F, T] or [T, F], as `analyse` and `synthesise` have it.
        analyse: waveform [S] -> complex spectrum.
        synthesise: complex spectrum -> waveform [S].
        iterations: of the phase.
        momentum: 0 is the original algorithm.
        seed: of the first phase, drawn on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * torch.pi * torch.rand(magnitude.shape, generator=generator).to(magnitude.device)
    spectrum = previous = torch.polar(magnitude, angle)
    for _ in range(iterations):
        consistent = analyse(synthesise(spectrum))
        accelerated = consistent + momentum * (consistent - previous)
        spectrum = torch.polar(magnitude, accelerated.angle())
        previous = consistent
    return synthesise(spectrum)
