"""One shard of latents -> one shard of recordings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from wavcube.corpora.job import Settings, Summary
from wavcube.corpora.make_shard import ShardMaker
from wavcube.corpora.recording_writer import AudioKind, RecordingWriter
from wavcube.data.clip import Clip
from wavcube.data.stored_latents.corpus import LatentCorpus, read_cuts
from wavcube.data.stored_latents.index import RecordingIndex
from wavcube.data.stored_latents.record import CUTS, RECORD
from wavcube.errors import DataError, LatentsError
from wavcube.hashing import digest
from wavcube.latents import Latents

if TYPE_CHECKING:
    from wavcube.codec import WavCube


@dataclass(frozen=True)
class LatentShard:
    """A shard that `wavcube encode` has completed.

    Attributes:
        folder: of the corpus.
        position: of the shard in its index.
        number: of the shard.
        recordings: in it.
    """

    folder: Path
    position: int
    number: int
    recordings: int

    @property
    def name(self) -> str:
        return f"{self.folder.name}[{self.number}]"

    @property
    def cuts(self) -> Path:
        return self.folder / CUTS.format(self.number)

    def digest(self) -> str:
        """Of the shard's record, which says what it was made from and with."""
        path = self.folder / RECORD.format(self.number)
        try:
            return digest(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error

    def read(self) -> Iterator[tuple[Clip, Latents | None]]:
        """The recordings in order, by the ids of their cuts; None for one that has no latents.

        Raises:
            DataError: the shard is damaged.
        """
        stored = LatentCorpus(self.folder).read_shard(self.position)
        for place, cut in read_cuts(self.folder, self.number):
            yield Clip(cut["id"], self.cuts), next(stored)[0] if place else None


def latent_shards(folder: Path) -> Iterator[LatentShard]:
    """The shards of a corpus of latents.

    Raises:
        DataError: it is not complete.
    """
    folder = folder.absolute()
    for position, shard in enumerate(LatentCorpus(folder).about.shards):
        yield LatentShard(folder, position, shard["number"], shard["recordings"])


@dataclass(frozen=True)
class DecodeSettings(Settings[RecordingIndex]):
    """What changes the bytes of shards of recordings beside their latents.

    Attributes:
        model: fingerprint of all its weights.
        identity: of its latent space.
        precision: that it computes in.
        chunking: how long recordings are cut.
        audio_format: of the files in the tars.
        sample_rate: of the recordings, in Hz.
    """

    model: str
    identity: str
    precision: str
    chunking: str
    audio_format: AudioKind
    sample_rate: int

    writer = RecordingWriter

    @classmethod
    def of(cls, model: "WavCube", audio_format: AudioKind) -> Self:
        """Those of a model that is loaded."""
        about = model.weights_fingerprint(), model.identity, model.precision, str(model.chunking)
        return cls(*about, audio_format, model.sample_rate)

    def index(self, summary: Summary) -> RecordingIndex:
        about = self.model, self.identity, self.precision, self.sample_rate, self.audio_format
        return RecordingIndex(*about, summary.recordings, summary.seconds / 3600, summary.errors, summary.shards)


@dataclass(frozen=True)
class StoredRecording:
    """The latents of one recording, or the reason why there are none."""

    clip: Clip
    latents: Latents | None

    @property
    def reason(self) -> str:
        return "" if self.latents is not None else f"{self.clip.name}: has no latents"

    @property
    def seconds(self) -> float:
        return 0.0 if self.latents is None else int(self.latents.lengths[0]) / self.latents.frame_rate


@dataclass
class ShardDecoder(ShardMaker[LatentShard, StoredRecording, RecordingWriter]):
    """Decodes shards; see `ShardMaker`."""

    settings: DecodeSettings

    def _writer(self, shard: LatentShard) -> RecordingWriter:
        return RecordingWriter(self.folder, shard, self.settings.audio_format, self.settings.sample_rate)

    def _read(self, shard: LatentShard, ahead: float) -> Iterator[StoredRecording]:
        return (StoredRecording(clip, latents) for clip, latents in shard.read())

    def _results(self, batch: list[StoredRecording]) -> list[np.ndarray]:
        return decode_each(self.model, [alike(one.latents, self.model) for one in batch if one.latents is not None])

    def _add(self, writer: RecordingWriter, item: StoredRecording, result: np.ndarray) -> None:
        assert item.latents is not None
        writer.add(item.clip, result, int(item.latents.lengths[0]))


def require_fit(where: object, width: int, frame_rate: float, identity: str | None, model: "WavCube") -> None:
    """Refuse latents that a model cannot decode, or that another one made.

    Args:
        where: they are, for the message.
        width, frame_rate, identity: of the latents; an identity of None is not known, or not to be looked at.
        model: that is to decode them.

    Raises:
        LatentsError: they do not fit.
    """
    advice = "name the model that made it with --model"
    if width != model.latent_dim:
        raise LatentsError(f"{where}: is {width} numbers wide, this model's latents {model.latent_dim}; {advice}")
    if frame_rate != model.frame_rate:
        rates = f"has {frame_rate:g} frames a second, this model's latents {model.frame_rate:g}"
        raise LatentsError(f"{where}: {rates}; {advice}")
    if identity not in (None, model.identity):
        raise LatentsError(
            f"{where}: was made by another model ({identity}, this one is {model.identity}); {advice}, "
            "or give --force if you know that they fit"
        )


def alike(latents: Latents, model: "WavCube") -> Latents:
    """Latents of one recording with all in which those of a batch have to be the same: type, samples, model."""
    samples = latents.lengths * latents.hop_length if latents.samples is None else latents.samples
    return replace(latents, values=latents.values.to(model.dtype), samples=samples, model_id=model.identity)


def decode_each(model: "WavCube", items: list[Latents]) -> list[np.ndarray]:
    """The waveforms [S], float32, of latents of one recording each, in one batch; as long as what was encoded."""
    batch = Latents.batch(items)
    assert batch.samples is not None
    pairs = zip(model.decode(batch), batch.samples, strict=True)
    return [waveform[: int(count)].float().cpu().numpy() for waveform, count in pairs]
