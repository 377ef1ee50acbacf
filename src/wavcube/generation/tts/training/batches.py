"""Batches of utterances of like length, and in which order they come: a pure function of the seed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from wavcube.data.bucketing import batches_in_order
from wavcube.errors import ConfigError, DataError
from wavcube.generation.tts.training.dataset import SpeechBatch, SpeechCorpus

JITTER = 0.05
"""Lengths are stretched by up to this share before they are sorted, so that epochs differ in what is batched."""


def dynamic_batches(lengths: Sequence[int], frames: int, utterances: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of one epoch, shuffled: each of at most so many padded frames and utterances, every utterance once.

    Raises:
        ConfigError: an utterance alone is longer than a batch may be.
    """
    longest = max(lengths)
    if longest > frames:
        raise ConfigError(f"batches of {frames} frames cannot hold an utterance of {longest}; raise batches.seconds")
    random = np.random.default_rng([seed, epoch])
    order = np.argsort(np.asarray(lengths) * random.uniform(1 - JITTER, 1 + JITTER, len(lengths)), kind="stable")
    batches = batches_in_order(order.tolist(), lengths.__getitem__, frames, max_items=utterances)
    return [batches[i] for i in random.permutation(len(batches))]


class BatchStream:
    """Endless batches for one rank. Rank r of n takes the batches r, r + n, ... of an epoch; what is left at its end
    that not all ranks could have is left out.

    Its position is two numbers, which hold for any number of ranks.
    """

    def __init__(
        self, corpus: SpeechCorpus, frames: int, utterances: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self._corpus, self._frames, self._utterances = corpus, frames, utterances
        self._seed, self._rank, self._world_size = seed, rank, world_size
        self._go_to(0, 0)

    @property
    def mean_seconds(self) -> float:
        """Speech in a batch, on average."""
        return self._corpus.seconds / len(self._batches)

    def __iter__(self) -> Iterator[SpeechBatch]:
        while True:
            if self._given + self._world_size > len(self._batches):
                self._go_to(self._epoch + 1, 0)
            indices = self._batches[self._given + self._rank]
            self._given += self._world_size
            yield self._corpus.batch(indices)

    def _go_to(self, epoch: int, given: int) -> None:
        self._epoch, self._given = epoch, given
        self._batches = dynamic_batches(self._corpus.lengths, self._frames, self._utterances, self._seed, epoch)
        if len(self._batches) < self._world_size:
            raise DataError(
                f"an epoch has {len(self._batches)} batches for {self._world_size} processes; lower batches.seconds or "
                "batches.utterances"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "given": self._given, "batches": len(self._batches)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a saved position.

        Raises:
            DataError: the epoch now has another number of batches.
        """
        self._go_to(state["epoch"], state["given"])
        before, now = state.get("batches", len(self._batches)), len(self._batches)
        if before != now:
            raise DataError(f"an epoch had {before} batches, now it has {now}")

    def go_on_with_other_data(self, state: dict[str, Any]) -> str:
        """Go on with the next epoch."""
        self._go_to(state["epoch"] + 1, 0)
        return f"data: goes on with epoch {self._epoch + 1} of other batches"
