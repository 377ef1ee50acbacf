"""Average durations of tokens, as models before the duration network have them.

    seconds(i) = sum over k from -2 to 2 of effect_k(token at i + k),    at least 10 ms

A token has its own length, which its neighbours change; a pause is as long as it is on average after such a word and
before such a one. The effects were fitted by least squares.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 2
"""Tokens on either side that count."""

LEAST_S = 0.01


class AverageDurations(nn.Module):
    """Seconds of tokens.

    Args:
        tokens: size of the vocabulary.
    """

    effects: Tensor

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.register_buffer("effects", torch.zeros(2 * REACH + 1, tokens + 1))

    @property
    def device(self) -> torch.device:
        return self.effects.device

    def draw(self, token_ids: Tensor, rate: float | None = None, seed: int | None = None) -> Tensor:
        """Seconds [N] of a text's tokens [N], see `DurationNetwork.draw`; the same for every seed."""
        around = F.pad(token_ids.to(self.device), (REACH, REACH)).unfold(0, 2 * REACH + 1, 1)  # 0 beyond the ends
        seconds = self.effects.float().gather(1, around.T).sum(0).clamp_min(LEAST_S)
        return seconds.to(token_ids.device) * math.exp(rate or 0.0)

    def grow(self, weights: Mapping[str, Tensor], rows: Tensor) -> None:
        """Take the effects of another vocabulary, see `DurationNetwork.grow`."""
        effects = weights["effects"]
        known = torch.cat([effects, effects[:, 1:].mean(1, keepdim=True)], 1)
        self.effects.copy_(known[:, rows])
