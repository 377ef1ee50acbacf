"""One input shard -> one shard of latents."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from wavcube.corpora.decoding import Decoded, Decoders
from wavcube.corpora.input_shards import InputShard
from wavcube.corpora.job import Settings, Summary
from wavcube.corpora.latent_writer import LatentWriter
from wavcube.corpora.make_shard import ShardMaker
from wavcube.data.stored_latents.index import LatentIndex
from wavcube.data.stored_latents.values import StoredType
from wavcube.framing import SAMPLE_RATE

if TYPE_CHECKING:
    from wavcube.codec import WavCube


@dataclass(frozen=True)
class EncodeSettings(Settings[LatentIndex]):
    """What changes the bytes of shards of latents beside their inputs.

    Attributes:
        model: fingerprint of all its weights.
        identity: of its latent space.
        precision: that it computes in.
        chunking: how long recordings are cut.
        stored: the type of the values on disk.
        shard_size: recordings of a slice of a list.
        where: which rows of lists are kept.
        frame_rate, dim: of the latents.
    """

    model: str
    identity: str
    precision: str
    chunking: str
    stored: StoredType
    shard_size: int
    where: str
    frame_rate: float
    dim: int

    writer = LatentWriter

    @classmethod
    def of(cls, model: "WavCube", stored: StoredType, shard_size: int, where: dict[str, str]) -> Self:
        """Those of a model that is loaded."""
        return cls(
            model.weights_fingerprint(),
            model.identity,
            model.precision,
            str(model.chunking),
            stored,
            shard_size,
            json.dumps(where, sort_keys=True),
            model.frame_rate,
            model.latent_dim,
        )

    def index(self, summary: Summary) -> LatentIndex:
        return LatentIndex(
            self.identity,
            self.model,
            self.precision,
            self.frame_rate,
            SAMPLE_RATE,
            self.dim,
            self.stored,
            summary.moments.relative_error,
            summary.moments.mean,
            summary.moments.std,
            summary.recordings,
            summary.seconds / 3600,
            summary.errors,
            summary.shards,
        )


@dataclass
class ShardEncoder(ShardMaker[InputShard, Decoded, LatentWriter]):
    """Encodes shards; see `ShardMaker`.

    Attributes:
        decoders: processes that decode.
    """

    settings: EncodeSettings
    decoders: Decoders

    def close(self) -> None:
        self.decoders.close()

    def _writer(self, shard: InputShard) -> LatentWriter:
        return LatentWriter(self.folder, shard, self.settings.stored, self.settings.frame_rate)

    def _read(self, shard: InputShard, ahead: float) -> Iterator[Decoded]:
        return self.decoders.decode(shard.read(), ahead)

    def _results(self, batch: list[Decoded]) -> list[np.ndarray]:
        recordings = [{"array": one.waveform, "sampling_rate": SAMPLE_RATE} for one in batch]
        latents = self.model.encode(recordings, names=[one.clip.name for one in batch]).to("cpu")
        pairs = zip(latents.values.float().numpy(), latents.lengths.tolist(), strict=True)
        return [values[:length] for values, length in pairs]

    def _add(self, writer: LatentWriter, item: Decoded, result: np.ndarray) -> None:
        assert item.waveform is not None
        writer.add(item.clip, result, len(item.waveform), item.notes)
