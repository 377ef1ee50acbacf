"""Recordings that `wavcube decode` made of a corpus of latents, read back by their names."""

import os
from pathlib import Path
from typing import NamedTuple

from wavcube.data.stored_latents.corpus import metadata_of_cut, read_cuts
from wavcube.data.stored_latents.index import RECORDINGS_INDEX, RecordingIndex
from wavcube.data.stored_latents.record import RECORDINGS_TAR, Place
from wavcube.errors import DataError


class StoredAudio(NamedTuple):
    """Where a recording is: the tar of its shard and its place there; and its duration."""

    name: str
    tar: Path
    place: Place
    seconds: float

    def __str__(self) -> str:
        return f"{self.name} in {self.tar}"

    def read(self) -> bytes:
        """The encoded recording.

        Raises:
            DataError: the tar is missing or cut short.
        """
        try:
            with open(self.tar, "rb") as file:
                content = os.pread(file.fileno(), self.place.size, self.place.offset)
        except OSError as error:
            raise DataError(f"{self.tar}: cannot be read ({error.strerror})") from error
        if len(content) < self.place.size:
            raise DataError(f"{self.tar}: was cut short")
        return content


def is_recording_corpus(folder: Path) -> bool:
    """Whether a path is a folder that `wavcube decode` has completed with shards."""
    return (folder / RECORDINGS_INDEX).is_file()


def stored_audio(folder: Path) -> dict[str, StoredAudio]:
    """The recordings of a folder by the names of what was encoded.

    Raises:
        DataError: it is not complete, or damaged.
    """
    about = RecordingIndex.load(folder / RECORDINGS_INDEX)
    found: dict[str, StoredAudio] = {}
    for shard in about.shards:
        tar = folder / RECORDINGS_TAR.format(shard["number"])
        for place, cut in read_cuts(folder, shard["number"]):
            if place:
                seconds = place.samples / about.sample_rate
                name = metadata_of_cut(cut, seconds)["name"]
                if name in found:
                    raise DataError(f"{folder}: two recordings have the name {name}")
                found[name] = StoredAudio(name, tar, place, seconds)
    return found
