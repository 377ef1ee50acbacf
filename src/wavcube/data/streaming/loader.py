"""`build_loader`: a configuration -> batches of crops, for one rank."""

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from wavcube.data.config import DataConfig
from wavcube.data.streaming.bad_files import BadFiles, first_reasons
from wavcube.data.streaming.batch import Batch, collate
from wavcube.data.streaming.crops import FEWEST_SAMPLES, Cropper
from wavcube.data.streaming.datasets import MOST_IN_A_ROW, ClipDataset, ShardDataset
from wavcube.data.streaming.samplers import InfiniteDistributedBatchSampler, SequentialDistributedBatchSampler
from wavcube.data.streaming.shards import Shard
from wavcube.data.streaming.sources import SHARDED, kind_of, open_clips, open_shards
from wavcube.data.workers import dead_worker, leave_signals_to_the_parent
from wavcube.errors import ConfigError, DataError, MissingDependencyError

try:
    from torchdata.stateful_dataloader import StatefulDataLoader
except ImportError as error:
    raise MissingDependencyError('training needs torchdata; install it with pip install "wavcube[train]"') from error

logger = logging.getLogger(__name__)

_PREFETCH = 4  # batches that a worker prepares in advance

_REMEDY = {
    "the number of workers": "every worker has a place of its own in the shards: go on with loader.workers={}",
    "the number of ranks": "every rank has places of its own in the shards: go on with {} processes",
}
"""What to do where a saved position does not fit, besides starting anew; the default is for data that has changed."""


def build_loader(
    config: DataConfig,
    *,
    crop_samples: int,
    batch_size: int,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    train: bool,
) -> "SpeechLoader":
    """Open the sources of a configuration and return the loader of one rank.

    Args:
        crop_samples: size of every crop, in samples at 16 kHz.
        batch_size: crops a batch, for this rank.
        seed: of order, crops and gains; the same on all ranks.
        rank, world_size: which part of the data is read.
        workers: worker processes; 0 to load in this one.
        train: endless batches of random crops, or each clip's first crop, once, in order.

    Raises:
        DataError: a source is missing, empty or malformed, or most of its recordings cannot be used.
        ConfigError: an impossible configuration.
    """
    if crop_samples < FEWEST_SAMPLES:
        raise ConfigError(f"data: a crop of {crop_samples} samples is too short; {FEWEST_SAMPLES} are needed")
    if batch_size < 1 or workers < 0 or seed < 0 or not 0 <= rank < world_size:
        raise ConfigError(
            f"data: batch_size {batch_size}, workers {workers}, seed {seed}, rank {rank} of {world_size}: a batch has "
            "one clip or more, the other numbers are not negative, and ranks count from 0"
        )
    cropper = Cropper(
        crop_samples,
        train,
        config.peak_low_db if train else config.validation_peak_db,
        config.peak_high_db if train else config.validation_peak_db,
        config.min_seconds,
        config.max_seconds,
        config.resample,
    )
    tally = BadFiles(config.max_bad_share, config.bad_share_after)
    weights = _weights(config)
    if _sharded(config):
        pools = open_shards(config)
        if weights is None:
            pools, weights = [[shard for pool in pools for shard in pool]], [1.0]
        if train:
            workers = _workers_with_shards(pools, workers, world_size)
        shards = ShardDataset(pools, weights, cropper, seed, rank, world_size, config.shuffle_buffer)
        return SpeechLoader(shards, tally, train, batch_size, world_size, num_workers=workers, batch_size=batch_size)
    tables = open_clips(config)
    clips = ClipDataset(tables, cropper, seed, config.crop_variants)
    batches: InfiniteDistributedBatchSampler | SequentialDistributedBatchSampler
    if train:
        sizes = [len(clips)] if weights is None else [len(table) for table in tables]
        batches = InfiniteDistributedBatchSampler(sizes, weights or [1.0], batch_size, seed, rank, world_size)
    else:
        batches = SequentialDistributedBatchSampler(len(clips), batch_size, rank, world_size)
    return SpeechLoader(clips, tally, train, batch_size, world_size, num_workers=workers, batch_sampler=batches)


class SpeechLoader(StatefulDataLoader[Batch]):
    """Batches for one rank, and a position that can be saved and returned to.

    The position of clips with random access is one number, the place in the endless order; it holds for any number of
    workers and ranks. With shards every worker has a position of its own, so their number and that of the ranks must
    stay the same. A validation loader always begins at its first clip.

    Attributes:
        bad_files: the tally of what could not be used, up to the last batch that was yielded.
    """

    def __init__(
        self,
        dataset: ClipDataset | ShardDataset,
        tally: BadFiles,
        train: bool,
        full_batch: int,
        world_size: int,
        *,
        num_workers: int,
        **batching: Any,
    ) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*set_vital.*")  # torchdata 0.11 calls what torch 2.13 deprecates
            super().__init__(
                dataset,
                num_workers=num_workers,
                prefetch_factor=_PREFETCH if num_workers else None,
                worker_init_fn=leave_signals_to_the_parent,
                collate_fn=collate,
                pin_memory=torch.cuda.is_available(),
                **batching,
            )
        self.bad_files = tally
        self._train = train
        self._full_batch = full_batch
        self._world_size = world_size
        self._place = 0
        self._begun = False

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches: once in validation; in training endlessly, from where the last iteration was left.

        Raises:
            DataError: too many recordings could not be used, or a worker process died.
        """
        if isinstance(self.batch_sampler, InfiniteDistributedBatchSampler):
            self.batch_sampler.start = self._place
        elif self._train and self._begun:
            super().load_state_dict(super().state_dict())
        self._begun = True
        try:
            for batch in super().__iter__():
                self._count(batch)
                if len(batch):
                    yield batch
        except (RuntimeError, OSError, EOFError) as error:
            death = dead_worker(error) if self.num_workers else None
            if death is None:
                raise
            raise death from error

    def check_worker_number_rationality(self) -> None:
        """Torch warns, twice a run and with a line of its code, of more workers than cores; recipes are for any."""

    def _count(self, batch: Batch) -> None:
        self._place += self._full_batch * self._world_size
        self.bad_files.add(len(batch), batch.skipped)
        if self._train and len(batch) < self._full_batch:
            raise DataError(
                f"{MOST_IN_A_ROW} recordings in a row could not be used; "
                + first_reasons([item.reason for item in batch.skipped])
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the position after the last batch that was yielded, in plain numbers and strings."""
        state: dict[str, Any] = {"place": self._place, "bad_files": self.bad_files.state_dict(), **self._identity()}
        if isinstance(self.dataset, ShardDataset):
            state["workers"] = copy.deepcopy(super().state_dict())
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a saved position.

        Raises:
            DataError: the position is one in other data, or shards were read by another number of processes.
        """
        for what, now in self._identity().items():
            before = state.get(what)
            if before != now:
                raise DataError(
                    f"the saved position in the data cannot be returned to: {what} was {before}, now it is {now}; "
                    f"{_REMEDY.get(what, 'restore the data')}, or start a new run from the last weights".format(before)
                )
        self._place = state["place"]
        self.bad_files.load_state_dict(state["bad_files"])
        self._begun = False
        if isinstance(self.dataset, ShardDataset):
            super().load_state_dict(state["workers"])

    def go_on_with_other_data(self, state: dict[str, Any]) -> str:
        """Go on from a position that `load_state_dict` refuses; the result names the place.

        Clips with random access go on after as many as were had; shards are read from their beginning. What could not
        be used is counted anew.
        """
        self._begun = False
        if isinstance(self.dataset, ShardDataset):
            return "data: shards are read from their beginning again"
        self._place = state["place"]
        return f"data: goes on at clip {self._place} of another order"

    def _identity(self) -> dict[str, int]:
        """What must be the same for a saved position to mean the same."""
        if isinstance(self.dataset, ClipDataset):
            return {"the number of clips": len(self.dataset)}
        return {
            "the number of shards": sum(len(pool) for pool in self.dataset.pools),
            "the number of workers": self.num_workers,
            "the number of ranks": self._world_size,
        }


def _sharded(config: DataConfig) -> bool:
    if not config.sources:
        raise ConfigError("data: there are no sources; give at least one with a path")
    kinds = [kind_of(source) for source in config.sources]
    sharded = [kind in SHARDED for kind in kinds]
    if any(sharded) and not all(sharded):
        raise ConfigError(
            f"data: sources of the kinds {', '.join(kinds)} cannot be combined; shards go with shards only"
        )
    return all(sharded)


def _weights(config: DataConfig) -> list[float] | None:
    weights = [source.weight for source in config.sources if source.weight is not None]
    if weights and len(weights) < len(config.sources):
        raise ConfigError("data: some sources have a weight and some have none; give it to all or to none")
    return weights or None


def _workers_with_shards(pools: Sequence[Sequence[Shard]], workers: int, world_size: int) -> int:
    """Lower the number of workers to one that every pool has shards for."""
    fewest = min(len(pool) for pool in pools)
    if fewest < world_size:
        raise DataError(
            f"a source has {fewest} shards for {world_size} ranks; each needs one of its own: write smaller shards"
        )
    most = fewest // world_size
    if workers > most:
        logger.warning("%d of %d workers are started: a source has %d shards only", most, workers, fewest)
    return min(workers, most)
