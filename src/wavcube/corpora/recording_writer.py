"""A shard of recordings that were decoded from latents: a field of Lhotse Shar, beside the cuts of the latents."""

from pathlib import Path
from typing import Literal

import numpy as np

from wavcube.audio.samples import check_samples, count_bad
from wavcube.audio.saving import encoded_audio
from wavcube.corpora.shard import Shard
from wavcube.corpora.shard_writer import ShardWriter, shar_recording
from wavcube.data.clip import Clip
from wavcube.data.stored_latents.index import RECORDINGS_INDEX
from wavcube.data.stored_latents.record import RECORDINGS_TAR

AudioKind = Literal["wav", "flac"]


class RecordingWriter(ShardWriter):
    """Writes each recording, 16 bits a sample.

    Args:
        folder, shard: see `ShardWriter`.
        kind: format of the files in the tar.
        sample_rate: of the recordings, in Hz.
    """

    tar_name, index_name = RECORDINGS_TAR, RECORDINGS_INDEX

    def __init__(self, folder: Path, shard: Shard, kind: AudioKind, sample_rate: int) -> None:
        super().__init__(folder, shard)
        self._kind, self._sample_rate = kind, sample_rate

    def add(self, clip: Clip, waveform: np.ndarray, frames: int) -> None:
        """The waveform [S], float32 in [-1, 1], that was decoded from so many frames.

        Raises:
            AudioError: it is not finite.
            OutputError: the disk refuses.
        """
        check_samples(count_bad(waveform), 0.0, clip.name)
        content = encoded_audio(waveform, self._sample_rate, self._kind.upper())
        manifest = shar_recording(clip.name, len(waveform), self._sample_rate)
        self._put(clip, clip.name, self._kind, content, manifest, frames=frames, samples=len(waveform), notes=())
