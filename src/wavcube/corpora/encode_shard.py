"""The unit of work: one input shard -> one shard of latents, complete or absent."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from wavcube.corpora.decoding import Decoded, Decoders
from wavcube.corpora.input_shards import InputShard
from wavcube.corpora.job import Settings
from wavcube.corpora.shard_writer import OutputError, ShardWriter
from wavcube.data.bucketing import BatchLimits
from wavcube.data.stored_latents.record import ShardRecord, complete
from wavcube.errors import DataError, WavCubeError
from wavcube.framing import SAMPLE_RATE

if TYPE_CHECKING:
    from wavcube.codec import WavCube

WINDOW = 4
"""Batches whose recordings are sorted by length together. A window is what is decoded ahead of the device."""

State = Literal["made", "renewed", "there"]


class Interrupted(Exception):
    """The run is to end; nothing of the shard under way is kept."""


@dataclass(frozen=True)
class Result:
    """A shard that is complete: made now, made anew as its input had changed, or there before."""

    record: ShardRecord
    state: State


@dataclass
class ShardEncoder:
    """Encodes shards; two threads may, of which one computes while the other reads.

    Attributes:
        model: that is loaded.
        settings: of the corpus.
        folder: of the results.
        limits: of a batch.
        decoders: processes that decode.
        max_bad: share of a shard's recordings that may be unusable; one is allowed in any case, unless it is 0.
        stop: set to end between two windows.
    """

    model: "WavCube"
    settings: Settings
    folder: Path
    limits: BatchLimits
    decoders: Decoders
    max_bad: float = 0.05
    stop: threading.Event = field(default_factory=threading.Event)
    _device: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, shard: InputShard) -> Result:
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
        with ShardWriter(self.folder, shard, self.settings.stored, self.settings.frame_rate) as writer:
            count = self._encode(shard, writer)
            if shard.digest() != digest:
                raise DataError(f"{shard.name}: has changed, or is gone, while it was read; nothing of it is kept")
            self._check_share(shard, count, writer)
            record = writer.commit(settings, digest)
        return Result(record, "renewed" if there and there.settings == settings else "made")

    def _encode(self, shard: InputShard, writer: ShardWriter) -> int:
        """Write the latents of all clips; how many clips there were."""
        count = 0
        for window in self._windows(shard):
            found = self._compute([one for one in window if one.waveform is not None])
            for one in window:
                _write(writer, one, found.get(id(one), one.reason))
            count += len(window)
            if shard.clips:
                self._check_share(shard, len(shard.clips), writer)
            if self.stop.is_set():
                raise Interrupted
        return count

    def _windows(self, shard: InputShard) -> Iterator[list[Decoded]]:
        seconds = WINDOW * self.limits.seconds
        window: list[Decoded] = []
        filled = 0.0
        for one in self.decoders.decode(shard.read(), seconds):
            window.append(one)
            filled += one.seconds
            if filled >= seconds:
                yield window
                window, filled = [], 0.0
            if self.stop.is_set():
                raise Interrupted
        if window:
            yield window

    def _compute(self, window: list[Decoded]) -> dict[int, np.ndarray | str]:
        """The latents [T, C] of each recording, or the reason why it has none."""
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

    def _attempt(self, batch: list[Decoded]) -> list[np.ndarray | str]:
        import torch

        try:
            return list(self._latents(batch))
        except torch.OutOfMemoryError as error:
            seconds = max(one.seconds for one in batch) * len(batch)
            raise DataError(f"out of memory with a batch of {seconds:.0f} s; lower --batch-seconds") from error
        except WavCubeError as error:
            if len(batch) == 1:
                return [str(error)]
            return [result for one in batch for result in self._attempt([one])]

    def _latents(self, batch: list[Decoded]) -> Iterator[np.ndarray]:
        recordings = [{"array": one.waveform, "sampling_rate": SAMPLE_RATE} for one in batch]
        latents = self.model.encode(recordings, names=[one.clip.name for one in batch]).to("cpu")
        for values, length in zip(latents.values.float().numpy(), latents.lengths.tolist(), strict=True):
            yield values[:length]

    def _check_share(self, shard: InputShard, count: int, writer: ShardWriter) -> None:
        allowed = max(1, int(self.max_bad * count)) if self.max_bad else 0
        if writer.errors > allowed or (count and writer.errors == count):
            raise DataError(
                f"{shard.name}: {writer.errors} of {count} recordings cannot be used, more than --max-bad "
                f"({self.max_bad:g}) allows; the first: {writer.first_errors()}"
            )


def _write(writer: ShardWriter, one: Decoded, result: np.ndarray | str) -> None:
    if isinstance(result, str):
        writer.skip(one.clip, result)
        return
    assert one.waveform is not None
    try:
        writer.add(one.clip, result, len(one.waveform), one.notes)
    except OutputError:
        raise
    except WavCubeError as error:
        writer.skip(one.clip, str(error))
