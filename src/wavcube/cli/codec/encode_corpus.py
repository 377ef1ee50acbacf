"""`wavcube encode --to shar`: a corpus of any size -> shards of latents."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wavcube.cli import options
from wavcube.cli.codec.make_shards import ShardJob

if TYPE_CHECKING:
    from wavcube.corpora.encode_shard import ShardEncoder
    from wavcube.corpora.input_shards import InputShard
    from wavcube.data.stored_latents.values import StoredType


@dataclass(frozen=True)
class EncodeJob(ShardJob):
    """The options of `wavcube encode` that concern shards; see its help."""

    inputs: tuple[str, ...]
    stored: "StoredType"
    shard_size: int
    filters: tuple[str, ...]
    readers: int | None
    max_bad: float
    batch_seconds: float | None
    padding: float

    def build(self) -> "ShardEncoder":
        from wavcube.corpora.decoding import Decoders
        from wavcube.corpora.encode_shard import EncodeSettings, ShardEncoder
        from wavcube.data.manifest import parse_filters

        loaded = self.model.load()
        settings = EncodeSettings.of(loaded, self.stored, self.shard_size, parse_filters(self.filters))
        limits = options.batch_limits(self.batch_seconds, self.padding, loaded)
        decoders = Decoders(_readers(self.readers, loaded.device.type))
        return ShardEncoder(loaded, settings, self.output, limits, decoders, max_bad=self.max_bad)

    def shards(self) -> "Iterator[InputShard]":
        from wavcube.corpora.input_shards import input_shards
        from wavcube.data.manifest import parse_filters

        return input_shards(self.inputs, parse_filters(self.filters), self.shard_size)

    def outcome(self, index: Any) -> str:
        return f"as {index.stored} (relative error {index.storage_error:.1e})"


def _readers(given: int | None, device: str) -> int:
    """Processes that decode: a CPU that computes has one to spare, beside a GPU are the cores of its share."""
    if given is not None:
        return given
    if device == "cpu":
        return 1
    beside = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // beside - 1)
