"""The unit of work: one shard -> one shard of the result, complete or absent."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from wavcube.corpora.job import Settings
from wavcube.corpora.shard import Result, Shard
from wavcube.corpora.shard_writer import OutputError, ShardWriter
from wavcube.data.bucketing import BatchLimits
from wavcube.data.clip import Clip
from wavcube.data.stored_latents.record import complete
from wavcube.errors import DataError, WavCubeError

if TYPE_CHECKING:
    from wavcube.codec import WavCube

WINDOW = 4
"""Batches whose recordings are sorted by length together. A window is what is read ahead of the device."""


class Interrupted(Exception):
    """The run is to end; nothing of the shard under way is kept."""


class Item(Protocol):
    """What was read of one recording, of so many seconds; or the reason why it cannot be used."""

    @property
    def clip(self) -> Clip: ...

    @property
    def reason(self) -> str: ...

    @property
    def seconds(self) -> float: ...


Work = TypeVar("Work", bound=Shard)
Read = TypeVar("Read", bound=Item)
Writer = TypeVar("Writer", bound=ShardWriter)


@dataclass
class ShardMaker(ABC, Generic[Work, Read, Writer]):
    """Makes shards; two threads may, of which one computes while the other reads.

    Attributes:
        model: that is loaded.
        settings: of the corpus.
        folder: of the results.
        limits: of a batch.
        max_bad: share of a shard's recordings that may be unusable; one is allowed in any case, unless it is 0.
        stop: set to end between two windows.
    """

    model: "WavCube"
    settings: Settings[Any]
    folder: Path
    limits: BatchLimits
    max_bad: float = field(default=0.05, kw_only=True)
    stop: threading.Event = field(default_factory=threading.Event, kw_only=True)
    _device: threading.Lock = field(default_factory=threading.Lock, kw_only=True)

    @abstractmethod
    def _writer(self, shard: Work) -> Writer:
        """What writes the result of a shard."""

    @abstractmethod
    def _read(self, shard: Work, ahead: float) -> Iterator[Read]:
        """What the model computes with, of each recording in order; some seconds of it may be read ahead."""

    @abstractmethod
    def _results(self, batch: list[Read]) -> Sequence[np.ndarray]:
        """What the model makes of each of a batch."""

    @abstractmethod
    def _add(self, writer: Writer, item: Read, result: np.ndarray) -> None:
        """Write the result of one recording."""

    def close(self) -> None:
        """End whatever processes read for it."""

    def __call__(self, shard: Work) -> Result:
        """Make a shard, unless it is there with the same settings and input.

        Its bytes depend on the model, the settings and the input alone.

        Raises:
            DataError: the input cannot be read to its end, has changed meanwhile, or too many recordings are unusable.
            OutputError: the folder of results cannot be written to.
            Interrupted: `stop` was set.
        """
        settings, digest = self.settings.digest(), shard.digest()
        there = complete(self.folder, shard.number)
        if there and (there.settings, there.input) == (settings, digest):
            return Result(there, "there")
        with self._writer(shard) as writer:
            self._make(shard, writer)
            if shard.digest() != digest:
                raise DataError(f"{shard.name}: has changed, or is gone, while it was read; nothing of it is kept")
            self._check_share(shard, writer.count, writer)
            record = writer.commit(settings, digest)
        return Result(record, "renewed" if there and there.settings == settings else "made")

    def _make(self, shard: Work, writer: Writer) -> None:
        for window in self._windows(shard):
            found = self._compute([one for one in window if not one.reason])
            for one in window:
                self._write(writer, one, found.get(id(one), one.reason))
            if shard.recordings:
                self._check_share(shard, shard.recordings, writer)
            if self.stop.is_set():
                raise Interrupted

    def _windows(self, shard: Work) -> Iterator[list[Read]]:
        seconds = WINDOW * self.limits.seconds
        window: list[Read] = []
        filled = 0.0
        for one in self._read(shard, seconds):
            window.append(one)
            filled += one.seconds
            if filled >= seconds:
                yield window
                window, filled = [], 0.0
            if self.stop.is_set():
                raise Interrupted
        if window:
            yield window

    def _compute(self, window: list[Read]) -> dict[int, np.ndarray | str]:
        """The result of each recording, or the reason why it has none."""
        from wavcube.codec.inference.parallel import parallel_map

        found: dict[int, np.ndarray | str] = {}
        batches = self.limits.batches(window, lambda one: one.seconds)
        long = sum(batch[0].seconds > self.limits.whole for batch in batches)
        with self._device:
            # Of a recording that goes through in chunks, these are computed side by side.
            for batch, results in chain(
                parallel_map(self._attempt, batches[:long], 1),
                parallel_map(self._attempt, batches[long:], min(self.model.workers, len(batches) - long)),
            ):
                found |= {id(one): result for one, result in zip(batch, results, strict=True)}
        return found

    def _attempt(self, batch: list[Read]) -> Sequence[np.ndarray | str]:
        import torch

        try:
            return self._results(batch)
        except torch.OutOfMemoryError as error:
            seconds = max(one.seconds for one in batch) * len(batch)
            raise DataError(f"out of memory with a batch of {seconds:.0f} s; lower --batch-seconds") from error
        except WavCubeError as error:
            if len(batch) == 1:
                return [str(error)]
            return [result for one in batch for result in self._attempt([one])]

    def _write(self, writer: Writer, one: Read, result: np.ndarray | str) -> None:
        if isinstance(result, str):
            writer.skip(one.clip, result)
            return
        try:
            self._add(writer, one, result)
        except OutputError:
            raise
        except WavCubeError as error:
            writer.skip(one.clip, str(error))

    def _check_share(self, shard: Work, count: int, writer: Writer) -> None:
        allowed = max(1, int(self.max_bad * count)) if self.max_bad else 0
        if writer.errors > allowed or (count and writer.errors == count):
            raise DataError(
                f"{shard.name}: {writer.errors} of {count} recordings cannot be used, more than --max-bad "
                f"({self.max_bad:g}) allows; the first: {writer.first_errors()}"
            )
