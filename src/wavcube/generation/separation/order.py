"""Which of two outputs is whose: against the truth, and from one window of a long recording to the next."""

from collections.abc import Iterable

import torch
from torch import Tensor

from wavcube.generation.regression.spans import Span


def distances(made: Tensor, truth: Tensor) -> Tensor:
    """[B, 2]: mean absolute error of outputs [B, T, 2, C] against two truths as they are, and exchanged."""
    return torch.stack([(made - order).abs().mean((1, 2, 3)) for order in (truth, truth.flip(2))], -1)


def joined(windows: Iterable[tuple[Span, Tensor]], total: int, keep_order: bool = False) -> Tensor:
    """Latents [T, 2, C] on the CPU from those of overlapping windows [t, 2, C], each in the order that fits the window
    before.

    Args:
        windows: in the order of time; neighbours share the frames of their contexts.
        total: of the frames.
        keep_order: whether the outputs' order is known to be the same in all windows.
    """
    made = torch.empty(0)
    before: tuple[Span, Tensor] | None = None
    for span, values in windows:
        if before is not None and not keep_order and span.first < before[0].last:
            earlier = before[1][span.first - before[0].first :]
            straight, exchanged = distances(values[None, : len(earlier)], earlier[None])[0]
            if exchanged < straight:
                values = values.flip(1)
        if before is None:
            made = torch.empty(total, *values.shape[1:])
        made[span.start : span.end] = values[span.kept]
        before = span, values
    return made
