"""Frames on disk: shards of float16 with an index each, written whole and read by mapping."""

import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wavcube.data.stored_latents.clips import StoredPlace
from wavcube.data.stored_latents.corpus import LatentCorpus
from wavcube.errors import DataError
from wavcube.files import atomic_path, saying_when_full

BYTES = 2  # of a float16


@dataclass(frozen=True)
class FrameSpan:
    """Where the frames of one content lie: in which shard, from which frame, how many."""

    shard: str
    first: int
    frames: int


class CachedFrames:
    """Frames that are on disk, by the key of their clip; can be sent to another process.

    Attributes:
        folder: where the shards lie.
        dim: channels of a frame.
        layers: of each frame.
    """

    def __init__(self, folder: Path, dim: int, layers: int) -> None:
        self.folder, self.dim, self.layers = folder, dim, layers
        self._places: dict[str, FrameSpan] = {}  # by content
        self._contents: dict[str, str] = {}  # by key
        self._shards: dict[str, np.ndarray] = {}
        self._stored: dict[str, StoredPlace] = {}  # by key, of latents that a corpus of them has
        self._corpora: dict[Path, LatentCorpus] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shards": {}}  # maps are opened again where they are needed

    @property
    def width(self) -> int:
        """Values a frame, over all layers."""
        return self.layers * self.dim

    def __getitem__(self, key: str) -> np.ndarray:
        """Frames of a clip, float16 [T, C] or [L, T, C], mapped from the disk: do not write to them."""
        if key in self._stored:
            place = self._stored[key]
            latents, _ = self._corpora[place.folder][place.number]
            return latents.values[0].to(torch.float16).numpy()
        span = self._places[self._contents[key]]
        if span.shard not in self._shards:
            shape = (-1, self.width)
            self._shards[span.shard] = np.memmap(self.folder / span.shard, np.float16, "r").reshape(shape)
        values = self._shards[span.shard][span.first : span.first + span.frames]
        if self.layers == 1:
            return values
        return values.reshape(span.frames, self.layers, self.dim).transpose(1, 0, 2)

    def __contains__(self, key: str) -> bool:
        return key in self._stored or self._contents.get(key) in self._places

    def frames(self, key: str) -> int:
        """Frames of a clip, without reading them."""
        if key in self._stored:
            place = self._stored[key]
            return self._corpora[place.folder].frames(place.number)
        return self._places[self._contents[key]].frames

    def statistics(self, keys: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel over all frames of `keys`: [C] each, or [L, C], float32."""
        count, total, squares = 0, np.zeros(self.width), np.zeros(self.width)
        for key in keys:
            values = self[key]
            if self.layers > 1:
                values = values.transpose(1, 0, 2).reshape(-1, self.width)
            wide = values.astype(np.float64)
            count += len(wide)
            total += wide.sum(0)
            squares += np.square(wide).sum(0)
        if not count:
            raise DataError("no frames to take statistics of")
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        shape = (self.dim,) if self.layers == 1 else (self.layers, self.dim)
        return mean.astype(np.float32).reshape(shape), std.astype(np.float32).reshape(shape)

    def read_indexes(self) -> None:
        """Take in what is on disk.

        Raises:
            DataError: an index or a shard is damaged.
        """
        for index in sorted(self.folder.glob("*.json")):
            shard = index.with_suffix(".f16").name
            try:
                entries = json.loads(index.read_text(encoding="utf-8"))
                size = (self.folder / shard).stat().st_size
                complete = size == sum(frames for _, _, frames in entries) * self.width * BYTES
            except (OSError, ValueError, TypeError) as error:
                raise DataError(f"{index}: damaged ({error}); delete the folder {self.folder}") from error
            if not complete:
                raise DataError(f"{self.folder / shard}: {size} bytes are not what its index says; delete both")
            self._places.update({content: FrameSpan(shard, first, frames) for content, first, frames in entries})


class FrameShardWriter:
    """One shard on its way: written under another name, then renamed, then given its index."""

    def __init__(self, folder: Path, width: int) -> None:
        self.folder, self.width = folder, width
        self.name = uuid.uuid4().hex[:12]
        self.entries: list[tuple[str, int, int]] = []
        self.frames = 0
        self.temporary = folder / f"{self.name}.writing"
        self.file = self.temporary.open("wb")

    @property
    def bytes(self) -> int:
        return self.frames * self.width * BYTES

    def add(self, content: str, values: np.ndarray) -> None:
        with saying_when_full(self.temporary):
            self.file.write(np.ascontiguousarray(values).tobytes())
        self.entries.append((content, self.frames, len(values)))
        self.frames += len(values)

    def close(self) -> dict[str, FrameSpan]:
        """Finish the shard; where its entries lie."""
        with saying_when_full(self.temporary):
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
        if not self.entries:
            self.temporary.unlink(missing_ok=True)
            return {}
        os.replace(self.temporary, self.folder / f"{self.name}.f16")
        with atomic_path(self.folder / f"{self.name}.json") as path:
            path.write_text(json.dumps(self.entries), encoding="utf-8")
        return {content: FrameSpan(f"{self.name}.f16", first, frames) for content, first, frames in self.entries}
