"""Endless batches of mixtures for one process, and a position in them that is one number."""

from collections.abc import Iterator
from typing import Any, Generic

import numpy as np
from torch.utils.data import DataLoader, Dataset

from wavcube.codec import WavCube
from wavcube.data.workers import leave_signals_to_the_parent
from wavcube.generation.regression.training.frames import Batch, MixtureFrames, MixtureSource


class MixtureBatches(Generic[Batch]):
    """Batches of mixtures: from a pool, in a new order every epoch, or new ones in every step.

    Rank r of n takes the places r, r + n, ... of the endless order, so the position holds for any number of ranks.

    Args:
        kind: of the batches.
        source: frames on disk, or a mixer whose mixtures are encoded by `codec` as they are needed.
        size: mixtures in a batch.
        codec: for a mixer.
        workers: processes that mix, for a mixer.
    """

    def __init__(
        self,
        kind: type[Batch],
        source: MixtureFrames[Batch] | MixtureSource,
        size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        *,
        codec: WavCube | None = None,
        workers: int = 0,
    ) -> None:
        self._kind, self._source, self._size, self._seed = kind, source, size, seed
        self._rank, self._world_size = rank, world_size
        self._codec, self._workers = codec, workers
        self._place = 0

    def __iter__(self) -> Iterator[Batch]:
        step = self._size * self._world_size
        if isinstance(self._source, MixtureFrames):
            while True:
                numbers = self._numbers(self._place)
                self._place += step
                yield self._source.batch(numbers)
        assert self._codec is not None
        loader = DataLoader(
            _Mixtures(self._source),
            batch_sampler=_Places(self._numbers, self._place, step),
            num_workers=self._workers,
            worker_init_fn=leave_signals_to_the_parent,
            collate_fn=list,
        )
        for mixtures in loader:
            self._place += step
            yield self._kind.encoded(self._codec, mixtures)

    def _numbers(self, place: int) -> list[int]:
        """Mixtures of the batch at a place of the endless order."""
        places = range(place + self._rank, place + self._size * self._world_size, self._world_size)
        if not isinstance(self._source, MixtureFrames):
            return list(places)
        orders: dict[int, np.ndarray] = {}
        numbers = []
        for one in places:
            epoch, turn = divmod(one, len(self._source))
            if epoch not in orders:
                orders[epoch] = np.random.default_rng([self._seed, epoch]).permutation(len(self._source))
            numbers.append(int(orders[epoch][turn]))
        return numbers

    def state_dict(self) -> dict[str, Any]:
        return {"place": self._place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._place = state["place"]

    def go_on_with_other_data(self, state: dict[str, Any]) -> str:
        self._place = state["place"]
        return f"data: goes on at mixture {self._place} of another order"


class _Mixtures(Dataset[Any]):
    def __init__(self, mixer: MixtureSource) -> None:
        self._mixer = mixer

    def __getitem__(self, number: int) -> Any:
        return self._mixer[number]


class _Places:
    """A sampler of batches from a place on, without an end."""

    def __init__(self, numbers: Any, start: int, step: int) -> None:
        self._numbers, self._start, self._step = numbers, start, step

    def __iter__(self) -> Iterator[list[int]]:
        place = self._start
        while True:
            yield self._numbers(place)
            place += self._step
