"""A shard of latents: a field of Lhotse Shar, and its cuts."""

from pathlib import Path
from typing import Any

import numpy as np

from wavcube.corpora.shard import Shard
from wavcube.corpora.shard_writer import ShardWriter, shar_recording
from wavcube.data.clip import Clip
from wavcube.data.stored_latents.index import INDEX
from wavcube.data.stored_latents.record import TAR, Moments
from wavcube.data.stored_latents.values import StoredType, pack
from wavcube.files import readable
from wavcube.framing import SAMPLE_RATE


class LatentWriter(ShardWriter):
    """Writes the latents of each recording.

    Args:
        folder, shard: see `ShardWriter`.
        stored: the type of the values on disk.
        frame_rate: of the latents, in Hz.
    """

    tar_name, index_name = TAR, INDEX

    def __init__(self, folder: Path, shard: Shard, stored: StoredType, frame_rate: float) -> None:
        super().__init__(folder, shard)
        self._stored, self._frame_rate = stored, frame_rate

    def add(self, clip: Clip, values: np.ndarray, samples: int, notes: tuple[str, ...] = ()) -> None:
        """The latents [T, C], float32, of a clip of so many samples.

        Raises:
            LatentsError: the type on disk cannot hold them.
            OutputError: the disk refuses.
        """
        content, squared_error = pack(values, self._stored)
        manifest = _manifest(values.shape, self._frame_rate)
        there = self._shard.cuts is not None
        key = clip.name if there else key_of(clip.name)
        cut = None if there else _cut(key, clip, samples)
        facts = {"frames": len(values), "samples": samples}
        if self._put(clip, key, "npy", content, manifest, **facts, notes=notes, cut=cut):
            total, squares = (found.sum(0, dtype=np.float64).tolist() for found in (values, np.square(values)))
            self.moments.add(Moments(len(values), total, squares, squared_error))


def key_of(name: str) -> str:
    """The name of a recording as the key of a tar and the id of a cut: WebDataset cuts keys at the first dot.

    Dots, percent signs and what no name of a file should have are written as `%2E`; different names stay different.
    """
    escaped = "".join(
        f"%{ord(letter):02X}" if letter in "%.\\" or ord(letter) < 32 else letter for letter in readable(name)
    )
    return "/".join(part or "%2F" for part in escaped.split("/"))


def _manifest(shape: tuple[int, ...], frame_rate: float) -> dict[str, Any]:
    """What Lhotse writes beside an array in time."""
    array = {"storage_type": "shar", "storage_path": "", "storage_key": "", "shape": list(shape)}
    return {"array": array, "temporal_dim": 0, "frame_shift": 1 / frame_rate, "start": 0}


def _cut(key: str, clip: Clip, samples: int) -> dict[str, Any]:
    """A cut of Lhotse's for a recording of which there are latents alone: its audio is a field that is not there."""
    where = {"start": 0, "duration": samples / SAMPLE_RATE, "channel": 0}
    columns = {name: value for name, value in sorted(clip.columns.items()) if value}
    spoken: dict[str, Any] = {"id": key, "recording_id": key, **where}
    if clip.transcript is not None:
        spoken["text"] = clip.transcript
        columns.setdefault("language", clip.language)
    for name in ("speaker", "gender", "language"):
        if name in columns:
            spoken[name] = columns.pop(name)
    if columns:
        spoken["custom"] = columns
    known = len(spoken) > 5
    return {
        "id": key,
        **where,
        "supervisions": [spoken] if known else [],
        "recording": shar_recording(key, samples, SAMPLE_RATE),
        "custom": {"name": readable(clip.name)},
        "type": "MonoCut",
    }
