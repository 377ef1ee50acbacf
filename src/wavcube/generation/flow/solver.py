"""From noise to frames: time grids, guidance, and the two ways to follow the velocity."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wavcube.errors import ConfigError

METHODS = ("euler", "midpoint")

PRUNED = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}
"""Grids for few steps, in 32nds, that F5-TTS publishes as EPSS (empirically pruned step sampling)."""

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Frames [B, T, C] and time [1] or [B] -> velocity [B, T, C]."""


@dataclass(frozen=True)
class SolverSettings:
    """How speech is made.

    Attributes:
        nfe: number of function evaluations (of the transformer, each with and without condition at once). Midpoint
            takes two a step.
        method: euler or midpoint.
        sway: coefficient that moves the time grid: -1 spends more steps near the noise, 0 spaces them evenly.
        pruned: where `PRUNED` has a grid for this number of steps, take it.
        guidance: strength s of v = v_c + s (v_c - v_0); 0 for none, and then half the work.
        few_steps: the distilled form of a model that has one: as many evaluations as it has steps, each without
            guidance, which the model has learnt; all else here then has no meaning.
    """

    nfe: int = 16
    method: str = "euler"
    sway: float = -1.0
    pruned: bool = True
    guidance: float = 2.0
    few_steps: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"no solver {self.method!r}; there are {' and '.join(METHODS)}")
        if self.nfe < 1 or (self.method == "midpoint" and self.nfe % 2):
            raise ConfigError(
                f"{self.nfe} evaluations are not possible; give 1 or more, and an even number for midpoint"
            )
        if not -1.0 <= self.sway <= 2 / (math.pi - 2):
            raise ConfigError(f"sway is {self.sway:g}; beyond -1 to 1.75 time would run backwards")
        if not 0 <= self.guidance < 100:
            raise ConfigError(f"guidance is {self.guidance:g}; it lies from 0 to below 100, 2 is usual")

    @property
    def steps(self) -> int:
        return self.nfe // 2 if self.method == "midpoint" else self.nfe

    def time_grid(self) -> Tensor:
        """Rising times from 0 to 1, [steps + 1], float32: t + sway (cos(pi t / 2) - 1 + t) (F5-TTS, equation 7)."""
        if self.pruned and self.steps in PRUNED:
            even = torch.tensor(PRUNED[self.steps]) / 32
        else:
            even = torch.linspace(0, 1, self.steps + 1)
        return even + self.sway * (torch.cos(math.pi / 2 * even) - 1 + even)


def solve(velocity: Velocity, noise: Tensor, settings: SolverSettings) -> Tensor:
    """Follow the velocity from `noise` [B, T, C] at time 0 to the frames [B, T, C] at time 1."""
    grid = settings.time_grid().to(noise.device)
    values = noise
    for start, end in zip(grid[:-1, None], grid[1:, None], strict=True):
        step = (end - start).to(values.dtype)
        slope = velocity(values, start)
        if settings.method == "midpoint":
            slope = velocity(values + slope * step / 2, (start + end) / 2)
        values = values + slope * step
    return values


def guided(transformer: Callable[..., Tensor], context: Tensor, null: Tensor, lengths: Tensor | None,
           strength: float) -> Velocity:  # fmt: skip
    """Velocity under classifier-free guidance, both branches in one batch.

    Args:
        transformer: see `DiffusionTransformer.forward`.
        context: [B, T, H] of condition and text.
        null: [B, T, H] of neither.
        lengths: [B], or None.
        strength: s of v = v_c + s (v_c - v_0).
    """
    if strength == 0:
        return lambda values, time: transformer(values, time, context, lengths)
    both = torch.cat([context, null])
    twice = None if lengths is None else torch.cat([lengths, lengths])

    def velocity(values: Tensor, time: Tensor) -> Tensor:
        times = time if len(time) == 1 else torch.cat([time, time])
        conditional, unconditional = transformer(torch.cat([values, values]), times, both, twice).chunk(2)
        return conditional + strength * (conditional - unconditional)

    return velocity


def solve_in_few_steps(
    transformer: Callable[..., Tensor], noise: Tensor, context: Tensor, lengths: Tensor | None, grid: Tensor
) -> Tensor:
    """From `noise` [B, T, C] to frames [B, T, C] with a distilled model, one evaluation for each step of `grid`."""
    values = noise
    for start, end in zip(grid[:-1, None], grid[1:, None], strict=True):
        slope = transformer(values, start, context, lengths, step_end=end)
        values = values + slope * (end - start).to(values.dtype)
    return values
