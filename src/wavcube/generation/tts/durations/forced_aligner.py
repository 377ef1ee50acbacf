"""Times of the tokens of a text: a hidden Markov model that aligns a corpus from a flat start.

Every token has two states in a row, each a Gaussian with diagonal covariance over cepstral features; all pauses
(spaces and punctuation) share theirs and may be left out. Texts are first laid evenly over their recordings; then,
round after round, states are estimated from the alignment and recordings are aligned anew along the best path (Viterbi
training; Rabiner, A tutorial on hidden Markov models, 1989, sections V and VI).
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.bucketing import batches_by_length
from wavcube.features.spectral import standardise

STATES = 2
"""Of a token; also the least frames that it lasts."""

ROUNDS = 8
QUIET = 0.12
"""Share of the frames, the quietest, that pauses are first estimated from."""

_LEAST_VARIANCE, _IMPOSSIBLE, _BATCH = 0.02, -1e9, 32

Item = tuple[str, list[int]]
"""A recording by its key and the numbers of its text, which begins and ends with a pause."""


class ForcedAligner:
    """Gaussians of the states of tokens.

    Args:
        pauses: [V + 1], true for the numbers of tokens that are pauses.
        features: key -> cepstra [T, F], the first one rising with the loudness.
    """

    def __init__(self, pauses: Tensor, features: Callable[[str], np.ndarray]) -> None:
        self._features = features
        token_ids = torch.arange(len(pauses))
        self._pauses = pauses
        self._shared = torch.where(pauses, token_ids[pauses][0], token_ids)  # all pauses are one
        self.mean = self.variance = torch.zeros(0)  # [(V + 1) * STATES, F]

    def fit(self, items: Sequence[Item], report: Callable[[int], None] = lambda done: None) -> None:
        """Estimate the states from recordings; `report` is called after every round."""
        for done in range(ROUNDS):
            counts = sums = squares = torch.zeros(0)
            for batch in _batches(items, self._features):
                states, values = self._evenly(batch) if done == 0 else self._aligned(batch)
                width = values.shape[1]
                if not len(sums):
                    size = len(self._pauses) * STATES
                    counts, sums, squares = torch.zeros(size, 1), torch.zeros(size, width), torch.zeros(size, width)
                counts.index_add_(0, states, torch.ones(len(states), 1))
                sums.index_add_(0, states, values)
                squares.index_add_(0, states, values.square())
            self._estimate(counts, sums, squares)
            if done == 0:
                self._quieten(items)
            report(done + 1)

    def ends(self, items: Sequence[Item]) -> list[np.ndarray | None]:
        """The frame at which each token ends, [N] int32, rising, the last the recording's own end; None where a
        recording is too short for its text."""
        found: dict[str, np.ndarray | None] = {}
        for batch in _batches(items, self._features):
            possible, _, paths = self._best(batch)
            for (key, token_ids, values), path, fits in zip(batch, paths, possible.tolist(), strict=True):
                token = path[: len(values)] // STATES
                last = np.cumsum(np.bincount(token.numpy(), minlength=len(token_ids))).astype(np.int32)
                found[key] = last if fits else None
        return [found[key] for key, _ in items]

    def _estimate(self, counts: Tensor, sums: Tensor, squares: Tensor) -> None:
        overall = sums.sum(0) / counts.sum()
        spread = (squares.sum(0) / counts.sum() - overall.square()).clamp_min(_LEAST_VARIANCE)
        mean = sums / counts.clamp_min(1)
        variance = (squares / counts.clamp_min(1) - mean.square()).clamp_min(_LEAST_VARIANCE)
        self.mean = torch.where(counts > 5, mean, overall)
        self.variance = torch.where(counts > 20, variance, spread)

    def _quieten(self, items: Sequence[Item]) -> None:
        """Pauses begin as the quietest frames: after the even start they would be like any other token."""
        values = torch.cat([values for batch in _batches(items[:1000], self._features) for _, _, values in batch])
        quiet = values[values[:, 0] <= values[:, 0].kthvalue(max(1, int(QUIET * len(values)))).values]
        states = torch.arange(STATES) + self._shared[self._pauses][0] * STATES
        self.mean[states] = quiet.mean(0)
        self.variance[states] = quiet.var(0, correction=0).clamp_min(_LEAST_VARIANCE)

    def _evenly(self, batch: "list[_Loaded]") -> tuple[Tensor, Tensor]:
        """States [T] and values [T, F] of all frames of a batch, the states of each text laid evenly over them."""
        states = []
        for _, token_ids, values in batch:
            row = self._states(token_ids)
            states.append(row[torch.arange(len(values)) * len(row) // len(values)])
        return torch.cat(states), torch.cat([values for _, _, values in batch])

    def _aligned(self, batch: "list[_Loaded]") -> tuple[Tensor, Tensor]:
        """The same along the best paths; items without one are left out."""
        possible, rows, paths = self._best(batch)
        empty = torch.zeros(0, dtype=torch.long), torch.zeros(0, batch[0][2].shape[1])
        found = [
            (row[path[: len(values)]], values)
            for fits, row, path, (_, _, values) in zip(possible.tolist(), rows, paths, batch, strict=True)
            if fits
        ]
        states, frames = zip(empty, *found, strict=True)
        return torch.cat(states), torch.cat(frames)

    def _states(self, token_ids: list[int]) -> Tensor:
        """Numbers [N * STATES] of the states of a text."""
        tokens = self._shared[torch.tensor(token_ids)]
        return (tokens[:, None] * STATES + torch.arange(STATES)).flatten()

    def _best(self, batch: "list[_Loaded]") -> tuple[Tensor, list[Tensor], Tensor]:
        """The best path of each item of a batch.

        Returns:
            Whether there is one [B], the states of each text, and the position [B, T] in those states at every frame.
        """
        rows = [self._states(token_ids) for _, token_ids, _ in batch]
        counts = torch.tensor([len(row) for row in rows])
        lengths = torch.tensor([len(values) for _, _, values in batch])
        states = pad_sequence(rows, True)
        optional = pad_sequence([self._pauses[torch.tensor(n)].repeat_interleave(STATES) for _, n, _ in batch], True)
        scores = self._likelihood(pad_sequence([values for _, _, values in batch], True)).gather(
            2, states[:, None].expand(-1, int(lengths.max()), -1)
        )
        position = torch.arange(states.shape[1])
        scores.masked_fill_(position >= counts[:, None, None], _IMPOSSIBLE)
        # From the last state of a token over a whole pause to the first state of the token behind it.
        jump = STATES + 1
        skips = F.pad(optional[:, 1:-STATES], (jump, 0)) & (position % STATES == 0)
        penalty = torch.where(skips, 0.0, _IMPOSSIBLE)

        def moved(values: Tensor, by: int) -> Tensor:
            return F.pad(values, (by, 0), value=_IMPOSSIBLE)[:, : values.shape[1]]

        best = torch.full(states.shape, _IMPOSSIBLE)
        best[:, 0], best[:, STATES] = scores[:, 0, 0], scores[:, 0, STATES]  # the first pause may be left out
        came = torch.zeros(int(lengths.max()), *states.shape, dtype=torch.uint8)
        for frame in range(1, len(came)):
            reached, way = torch.stack([best, moved(best, 1), moved(best, jump) + penalty]).max(0)
            going = (frame < lengths)[:, None]
            best = torch.where(going, reached + scores[:, frame], best)
            came[frame] = torch.where(going, way, 0).to(torch.uint8)
        # The last pause may be left out too.
        ends = torch.stack([counts - 1, counts - 1 - STATES], 1)
        score, which = best.gather(1, ends).max(1)
        current = ends.gather(1, which[:, None])[:, 0]
        steps = torch.tensor([0, 1, jump])
        path = torch.zeros(len(batch), len(came), dtype=torch.long)
        for frame in range(len(came) - 1, -1, -1):
            path[:, frame] = current
            current = current - steps[came[frame].gather(1, current[:, None])[:, 0].long()]
        return score > _IMPOSSIBLE / 2, rows, path

    def _likelihood(self, values: Tensor) -> Tensor:
        """Logarithm of the density, but for a constant, of [B, T, F] in every state, [B, T, K]."""
        precision = 1 / self.variance
        constant = (self.mean.square() * precision + self.variance.log()).sum(1)
        return -0.5 * (values.square() @ precision.T - 2 * values @ (self.mean * precision).T + constant)


_Loaded = tuple[str, list[int], Tensor]


def _batches(items: Sequence[Item], features: Callable[[str], np.ndarray]) -> Iterable[list[_Loaded]]:
    """Items of like length with their features, standardised over each recording."""
    for chosen in batches_by_length(items, lambda item: len(features(item[0])), max_items=_BATCH):
        yield [
            (key, token_ids, standardise(torch.from_numpy(features(key).astype(np.float32))))
            for key, token_ids in chosen
        ]
