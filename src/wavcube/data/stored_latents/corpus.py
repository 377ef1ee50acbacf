"""Latents of a corpus, read back: any recording by its number, or all in order."""

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wavcube.data.stored_latents.index import INDEX, LatentIndex
from wavcube.data.stored_latents.record import CUTS, RECORD, TAR, Place, ShardRecord
from wavcube.data.stored_latents.values import unpack
from wavcube.errors import DataError, LatentsError
from wavcube.latents import Latents

Metadata = dict[str, str]
"""What is known of a recording: `name`, `seconds`, and where known `transcript`, `speaker`, `language` and more."""

_SHARDS_IN_MEMORY = 16  # their records and cuts, about 2 MB each


class LatentCorpus(Sequence[tuple[Latents, Metadata]]):
    """The latents that `wavcube encode --to shar` wrote, with random access and in constant memory.

    An item is the latents of one recording (a batch of one, in the type that they are stored in, those of int8 in
    float32) and its metadata. It can be sent to other processes.

    Args:
        path: the folder, or its latents.json.

    Raises:
        DataError: there is none, or not all shards were complete.

    Attributes:
        folder: of the corpus.
        about: what the latents are.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path)
        self.folder = path.parent if path.name == INDEX else path
        self.about = LatentIndex.load(self.folder / INDEX)
        self._ends = np.cumsum([shard["recordings"] for shard in self.about.shards])
        self._open()

    def _open(self) -> None:
        self._shard = lru_cache(_SHARDS_IN_MEMORY)(self._read_shard)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_shard"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> tuple[Latents, Metadata]:  # type: ignore[override]  # slices are not needed
        shard, item = self._find(index)
        places, metadata = self._shard(shard)
        number = self.about.shards[shard]["number"]
        with open(self.folder / TAR.format(number), "rb") as file:
            return self._latents(file.fileno(), number, places[item], metadata[item]), metadata[item]

    def __iter__(self) -> Iterator[tuple[Latents, Metadata]]:
        for shard in range(len(self.about.shards)):
            yield from self.read_shard(shard)

    def read_shard(self, shard: int) -> Iterator[tuple[Latents, Metadata]]:
        """The recordings of one shard, in order: what one worker of a loader reads."""
        number = self.about.shards[shard]["number"]
        with open(self.folder / TAR.format(number), "rb") as file:
            for place, metadata in zip(*self._shard(shard), strict=True):
                yield self._latents(file.fileno(), number, place, metadata), metadata

    def metadata(self, index: int) -> Metadata:
        """What is known of a recording, without its latents."""
        shard, item = self._find(index)
        return self._shard(shard)[1][item]

    def frames(self, index: int) -> int:
        """Frames of a recording, without reading them."""
        shard, item = self._find(index)
        return self._shard(shard)[0][item].frames

    def _find(self, index: int) -> tuple[int, int]:
        index = range(len(self))[index]
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return shard, index - (int(self._ends[shard]) - self.about.shards[shard]["recordings"])

    def _read_shard(self, shard: int) -> tuple[list[Place], list[Metadata]]:
        """Places and metadata of the recordings of a shard that could be used."""
        pairs = [(place, cut) for place, cut in read_cuts(self.folder, self.about.shards[shard]["number"]) if place]
        metadata = [metadata_of_cut(cut, place.samples / self.about.sample_rate) for place, cut in pairs]
        return [place for place, _ in pairs], metadata

    def _latents(self, file: int, number: int, place: Place, metadata: Metadata) -> Latents:
        try:
            values = unpack(os.pread(file, place.size, place.offset))
            if values.shape != (place.frames, self.about.dim):
                raise LatentsError(f"{list(values.shape)} values for {place.frames} frames")
        except LatentsError as error:
            tar = self.folder / TAR.format(number)
            raise DataError(f"{tar}: is damaged at {metadata['name']}: {error}") from error
        return Latents(
            values[None],
            torch.tensor([place.frames]),
            self.about.frame_rate,
            self.about.sample_rate,
            torch.tensor([place.samples]),
            self.about.identity,
            [metadata],
        )


def read_cuts(folder: Path, number: int) -> list[tuple[Place | None, dict[str, Any]]]:
    """The cuts of the shard of that number, with the places of what is stored; None for one of which nothing is.

    Raises:
        DataError: the shard is damaged.
    """
    record = ShardRecord.load(folder / RECORD.format(number))
    path = folder / CUTS.format(number)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            pairs = list(zip(record.places, (json.loads(line) for line in file), strict=True))
        if not all("id" in cut for _, cut in pairs):
            raise ValueError("a cut without id")
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise DataError(f"{path}: is missing or damaged ({error})") from error
    return pairs


def metadata_of_cut(cut: dict[str, Any], seconds: float) -> Metadata:
    """What a cut of Lhotse says on its recording, as text."""
    spoken: dict[str, Any] = next(iter(cut.get("supervisions") or ()), {})
    found: dict[str, Any] = {**(spoken.get("custom") or {}), **(cut.get("custom") or {})}
    found |= {key: spoken.get(key) for key in ("speaker", "gender", "language")}
    found["transcript"] = spoken.get("text")
    found = {key: str(value) for key, value in found.items() if isinstance(value, str | int | float)}
    return {"name": cut["id"], **found, "seconds": f"{seconds:.3f}"}
