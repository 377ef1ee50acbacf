"""How long each symbol of a text lasts, learnt from an alignment.

    seconds(i) = sum over k from -2 to 2 of effect_k(symbol at i + k),    at least 10 ms

is fitted by least squares with a little ridge: a phoneme has its own length, which its neighbours change; a pause is as
long as it is on average after such a word and before such a one.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 2
"""Symbols on either side that count."""

RIDGE = 3.0
"""Added to the number of times that a symbol was seen."""

LEAST_S = 0.01


class SymbolTiming(nn.Module):
    """Seconds of symbols.

    Args:
        symbols: size of the vocabulary.
    """

    effects: Tensor

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.register_buffer("effects", torch.zeros(2 * REACH + 1, symbols + 1))

    def forward(self, numbers: Tensor) -> Tensor:
        """Seconds [N] of a text's symbols, by their numbers [N]."""
        around = _around(numbers)
        seconds = self.effects.float().gather(1, around.T).sum(0)
        return seconds.clamp_min(LEAST_S)

    def fit(self, texts: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Estimate the effects.

        Args:
            texts: numbers [N] and the seconds [N] that each lasts.
        """
        offsets, symbols = self.effects.shape
        size = offsets * symbols
        square, product = RIDGE * torch.eye(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        for numbers, seconds in texts:
            columns = _around(numbers) + symbols * torch.arange(offsets)  # [N, offsets]
            rows = F.one_hot(columns, size).sum(1).double()
            square += rows.T @ rows
            product += rows.T @ seconds.double()
        solution = torch.linalg.solve(square, product)
        self.effects.copy_(solution.view(offsets, symbols))


def _around(numbers: Tensor) -> Tensor:
    """Each symbol with its neighbours, [N, 2 REACH + 1]; 0 beyond the ends."""
    return F.pad(numbers, (REACH, REACH)).unfold(0, 2 * REACH + 1, 1)
