"""Durations of the tokens of a text: a small network that gives the mean and the spread of their logarithm.

A token's duration is drawn: it has a log-normal distribution whose mean and standard deviation depend on the tokens
around it and on how slowly the voice speaks. A pause (a space or punctuation) is first drawn to be there or not, since
most spaces between words are no silence. `duration_training.py` fits the network to an alignment.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.masking import zero_beyond
from wavcube.generation.tts.text.vocabulary import FILLER
from wavcube.generation.tts.text_embedding import ConvNeXtBlock

WIDTH, LAYERS = 128, 4
"""Of the network: 0.3 M parameters that see 12 tokens on either side."""

LEAST_S, MOST_S = 0.01, 2.0
"""Limits of a token's duration."""

LEAST_SPREAD, MOST_SPREAD = 0.05, 1.5
"""Limits of the standard deviation of the logarithm."""

FARTHEST = 1.5
"""A duration is drawn at most so many standard deviations from its mean: rarer ones sound like slips."""


class Distributions(NamedTuple):
    """Of the durations of tokens, each [B, N].

    Attributes:
        mean, spread: mean and standard deviation of the natural logarithm of the seconds.
        presence: logit of the chance that a pause is there.
    """

    mean: Tensor
    spread: Tensor
    presence: Tensor


class DurationNetwork(nn.Module):
    """Seconds of tokens, drawn.

    Args:
        pauses: for each token of the vocabulary whether it is a pause.

    Attributes:
        usual: [V + 1] mean logarithm of the seconds of each token in the training data.
    """

    usual: Tensor

    def __init__(self, pauses: Sequence[bool]) -> None:
        super().__init__()
        self.pauses = tuple(pauses)
        self.table = nn.Embedding(len(pauses) + 1, WIDTH)
        self.rate = nn.Linear(2, WIDTH)
        self.blocks = nn.ModuleList(ConvNeXtBlock(WIDTH) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.output = nn.Linear(WIDTH, 3)
        self.register_buffer("usual", torch.zeros(len(pauses) + 1))
        self.requires_grad_(False)  # it is fitted to the alignment, not trained with the transformer

    @property
    def device(self) -> torch.device:
        return self.usual.device

    def forward(self, token_ids: Tensor, rate: Tensor, known: Tensor) -> Distributions:
        """Distributions of the durations of texts; what lies on filler has no meaning.

        Args:
            token_ids: [B, N], filler behind each text's end.
            rate: [B], natural logarithm of a voice's durations over the usual ones: 0.1 is 10 % slower.
            known: [B], whether the rate is known; where it is not, any may be.
        """
        mask = token_ids != FILLER
        given = torch.stack([torch.where(known, rate, 0.0), known.to(rate.dtype)], -1)
        values = zero_beyond(self.table(token_ids) + self.rate(given)[:, None], mask)
        for block in self.blocks:
            values = block(values, mask)
        mean, spread, presence = self.output(self.norm(values)).unbind(-1)
        return Distributions(self.usual[token_ids] + mean, spread.exp().clamp(LEAST_SPREAD, MOST_SPREAD), presence)

    def is_pause(self, token_ids: Tensor) -> Tensor:
        """Which tokens are pauses, of the shape of `token_ids`."""
        return torch.tensor([False, *self.pauses], device=token_ids.device)[token_ids]

    @torch.no_grad()
    def draw(self, token_ids: Tensor, rate: float | None = None, seed: int | None = None) -> Tensor:
        """Seconds [N] of a text's tokens [N], on their device; 0 for a pause that is not there.

        Args:
            token_ids: of the text.
            rate: natural logarithm of the voice's durations over the usual ones; None if it is not known.
            seed: another one gives other durations; None for the most usual ones.
        """
        batch = token_ids.to(self.device)[None]
        given = torch.tensor([rate or 0.0], device=self.device), torch.tensor([rate is not None], device=self.device)
        mean, spread, presence = (values[0].float().cpu() for values in self(batch, *given))
        if seed is None:
            deviation, chance = torch.zeros(len(mean)), torch.full((len(mean),), 0.5)
        else:
            generator = torch.Generator().manual_seed(seed)  # on the CPU: the same durations on every device
            deviation = torch.randn(len(mean), generator=generator).clamp(-FARTHEST, FARTHEST)
            chance = torch.rand(len(mean), generator=generator)
        seconds = (mean + spread * deviation).exp().clamp(LEAST_S, MOST_S)
        there = ~self.is_pause(token_ids.cpu()) | (presence.sigmoid() > chance)
        return (seconds * there).to(token_ids.device)

    def grow(self, weights: Mapping[str, Tensor], rows: Tensor) -> None:
        """Take the weights of a network for another vocabulary.

        Args:
            weights: of that network.
            rows: [V + 1], for each token of this vocabulary its number in the other, or one more than the largest
                number there for a new token, which begins as the mean of the others.
        """
        by_token = {name: weights[name] for name in ("table.weight", "usual")}
        grown = {name: torch.cat([known, known[1:].mean(0, keepdim=True)])[rows] for name, known in by_token.items()}
        self.load_state_dict({**weights, **grown})
