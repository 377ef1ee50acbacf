"""`wavcube decode` of a corpus of latents: shards of them -> shards of recordings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavcube.cli import options
from wavcube.cli.codec.make_shards import ShardJob
from wavcube.cli.many_files.recordings import AudioFormat

if TYPE_CHECKING:
    from wavcube.corpora.decode_shard import LatentShard, ShardDecoder


@dataclass(frozen=True)
class DecodeJob(ShardJob):
    """The options of `wavcube decode` that concern shards; see its help."""

    folder: Path
    format: AudioFormat
    force: bool
    max_bad: float
    batch_seconds: float | None
    padding: float

    def build(self) -> "ShardDecoder":
        from wavcube.corpora.decode_shard import DecodeSettings, ShardDecoder, require_fit
        from wavcube.data.stored_latents.corpus import LatentCorpus

        about = LatentCorpus(self.folder).about
        loaded = self.model.load()
        require_fit(self.folder, about.dim, about.frame_rate, None if self.force else about.identity, loaded)
        settings = DecodeSettings.of(loaded, self.format.value)
        limits = options.batch_limits(self.batch_seconds, self.padding, loaded)
        return ShardDecoder(loaded, settings, self.output, limits, max_bad=self.max_bad)

    def shards(self) -> "Iterator[LatentShard]":
        from wavcube.corpora.decode_shard import latent_shards

        return latent_shards(self.folder)

    def outcome(self, index: Any) -> str:
        return f"as {index.audio_format}"
