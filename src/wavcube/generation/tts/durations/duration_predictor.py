"""Durations of the tokens of a text, learnt from an alignment.

    seconds(i) = sum over k from -2 to 2 of effect_k(token at i + k),    at least 10 ms

is fitted by least squares with a little ridge: a phoneme has its own length, which its neighbours change; a pause is as
long as it is on average after such a word and before such a one.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 2
"""Tokens on either side that count."""

RIDGE = 3.0
"""Added to the number of times that a token was seen."""

LEAST_S = 0.01


class DurationPredictor(nn.Module):
    """Seconds of tokens.

    Args:
        tokens: size of the vocabulary.
    """

    effects: Tensor

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.register_buffer("effects", torch.zeros(2 * REACH + 1, tokens + 1))

    def forward(self, token_ids: Tensor) -> Tensor:
        """Seconds [N] of a text's tokens, by their numbers [N]."""
        around = _around(token_ids)
        seconds = self.effects.float().gather(1, around.T).sum(0)
        return seconds.clamp_min(LEAST_S)

    def fit(self, texts: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Estimate the effects.

        Args:
            texts: numbers [N] and the seconds [N] that each lasts.
        """
        offsets, tokens = self.effects.shape
        size = offsets * tokens
        square, product = RIDGE * torch.eye(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        for token_ids, seconds in texts:
            columns = _around(token_ids) + tokens * torch.arange(offsets)  # [N, offsets]
            rows = F.one_hot(columns, size).sum(1).double()
            square += rows.T @ rows
            product += rows.T @ seconds.double()
        solution = torch.linalg.solve(square, product)
        self.effects.copy_(solution.view(offsets, tokens))


def _around(token_ids: Tensor) -> Tensor:
    """Each token with its neighbours, [N, 2 REACH + 1]; 0 beyond the ends."""
    return F.pad(token_ids, (REACH, REACH)).unfold(0, 2 * REACH + 1, 1)
