"""From places to crops, in the worker processes. Nothing is raised here: what went wrong travels with the batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from wavcube.data.clip import Clip
from wavcube.data.streaming.bad_files import Skipped
from wavcube.data.streaming.batch import Outcome
from wavcube.data.streaming.crops import Crop, Cropper, OutsideLimits
from wavcube.data.streaming.samplers import Key
from wavcube.data.streaming.shards import Shard, ShardPosition, ShardStream
from wavcube.errors import AudioError, DataError

MOST_IN_A_ROW = 32
"""After as many clips in a row that cannot be used, a place is given up."""

_CROPS, _SHARD_CROPS, _POOLS = 2, 3, 4  # first words of the seeds: what the random numbers are for


class ClipDataset(Dataset[Outcome]):
    """Crops of clips with random access, by `Key`.

    A training clip that cannot be used is replaced by the next one of the list; in validation its place stays empty.
    The crop depends on the seed and the key alone: not on the worker, nor on what came before.
    """

    def __init__(self, tables: Sequence[Sequence[Clip]], cropper: Cropper, seed: int, crop_variants: int = 0) -> None:
        self._tables = tables
        self._ends = np.cumsum([len(table) for table in tables])
        self._cropper = cropper
        self._seed = seed
        self._crop_variants = crop_variants

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: Key) -> Outcome:
        epoch, index = key
        if self._crop_variants:
            epoch %= self._crop_variants
        skipped: list[Skipped] = []
        for step in range(MOST_IN_A_ROW if self._cropper.train else 1):
            # The numbers are the place's, not the clip's: a replacement is another crop than the clip's own.
            random = np.random.default_rng([self._seed, _CROPS, epoch, index])
            crop = self._try((index + step) % len(self), random, skipped)
            if crop is not None:
                return Outcome(crop, skipped)
        return Outcome(None, skipped)

    def _try(self, index: int, random: np.random.Generator, skipped: list[Skipped]) -> Crop | None:
        table = int(np.searchsorted(self._ends, index, side="right"))
        name = ""
        try:
            clip = self._tables[table][index - (int(self._ends[table]) - len(self._tables[table]))]
            name = clip.name
            return self._cropper.cut(clip, random)
        except (AudioError, DataError) as error:
            skipped.append(Skipped(name or str(error), str(error)))
        except OutsideLimits as error:
            skipped.append(Skipped(name, f"{name}: {error}", bad=False))
        return None


class ShardDataset(IterableDataset[Outcome]):
    """Crops of clips in shards; every worker of every rank reads shards of its own.

    Without weights the shards of all sources are one pool. With weights, each clip comes from a source drawn by chance.
    Validation reads the pools one after another.
    """

    def __init__(
        self,
        pools: Sequence[list[Shard]],
        weights: Sequence[float],
        cropper: Cropper,
        seed: int,
        rank: int,
        world_size: int,
        window: int,
    ) -> None:
        self.pools = pools
        self.weights = weights
        self.cropper = cropper
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.window = window

    def __iter__(self) -> Iterator[Outcome]:
        worker = get_worker_info()
        workers, number = (worker.num_workers, worker.id) if worker else (1, 0)
        return ShardCrops(self, self.rank * workers + number, self.world_size * workers)


class ShardCrops:
    """The crops of one worker; its state is saved and restored by the StatefulDataLoader."""

    def __init__(self, data: ShardDataset, slot: int, slots: int) -> None:
        self._data = data
        self._slot = slot
        self._shares = np.asarray(data.weights, np.float64) / np.sum(data.weights)
        self._streams = [
            ShardStream(shards, data.seed + pool, slot, slots, endless=data.cropper.train, window=data.window)
            for pool, shards in enumerate(data.pools)
        ]
        self._draws = 0

    def __iter__(self) -> Iterator[Outcome]:
        return self

    def __next__(self) -> Outcome:
        skipped: list[Skipped] = []
        for _ in range(MOST_IN_A_ROW):
            try:
                pool, clip, place = self._next_clip()
            except DataError as error:
                skipped.append(Skipped(str(error).split(":")[0], str(error)))
                continue
            except StopIteration:
                if skipped:
                    break
                raise
            try:
                random = np.random.default_rng([self._data.seed, _SHARD_CROPS, pool, *place])
                return Outcome(self._data.cropper.cut(clip, random), skipped)
            except AudioError as error:
                skipped.append(Skipped(clip.name, str(error)))
            except OutsideLimits as error:
                skipped.append(Skipped(clip.name, f"{clip.name}: {error}", bad=False))
        return Outcome(None, skipped)

    def _next_clip(self) -> tuple[int, Clip, ShardPosition]:
        if self._data.cropper.train:
            pool = self._draw_pool()
            return pool, *next(self._streams[pool])
        for pool, stream in enumerate(self._streams):
            for clip, place in stream:
                return pool, clip, place
        raise StopIteration

    def _draw_pool(self) -> int:
        if len(self._streams) == 1:
            return 0
        random = np.random.default_rng([self._data.seed, _POOLS, self._slot, self._draws])
        self._draws += 1
        return int(random.choice(len(self._streams), p=self._shares))

    def state_dict(self) -> dict[str, Any]:
        return {"draws": self._draws, "streams": [stream.state_dict() for stream in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._draws = state["draws"]
        for stream, saved in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(saved)
