"""A shard of latents on its way to disk: under another name until all of it is there."""

import gzip
import io
import json
import os
import shutil
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from wavcube.corpora.input_shards import InputShard
from wavcube.data.clip import Clip
from wavcube.data.manifest import some
from wavcube.data.stored_latents.index import INDEX
from wavcube.data.stored_latents.record import CUTS, RECORD, TAR, Moments, Place, ShardRecord
from wavcube.data.stored_latents.values import StoredType, pack
from wavcube.errors import WavCubeError
from wavcube.files import FULL, atomic_path, readable, reason, saying_when_full
from wavcube.framing import SAMPLE_RATE

WRITING = "writing"
"""The folder of shards that are not complete."""


_ABANDONED = 3600.0  # seconds without a change after which a file there is what a kill has left


class OutputError(WavCubeError):
    """The folder of results cannot be written to: whatever is tried next fails as well."""


@contextmanager
def output_errors(folder: Path) -> Iterator[None]:
    """What the disk refuses, as an `OutputError` in one sentence."""
    try:
        with saying_when_full(folder / WRITING):
            yield
    except OSError as error:
        why = reason(error)
        advice = "; make room, and the same command goes on from here" if why == FULL else ""
        raise OutputError(f"{folder}: cannot be written to ({why}){advice}") from error


def remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed have left; a younger file may be another process at work."""
    for path in (folder / WRITING).glob("*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


class ShardWriter:
    """Writes the tar and the cuts of one shard; `commit` gives them their names, the record last.

    Nothing in them depends on when, where, by whom or in which order shards are made.

    Args:
        folder: of the results.
        shard: what the latents are of. Of a shard of Lhotse Shar the cuts are kept as they are, and a recording that
            could not be used has an empty place, so that its other fields lie beside the latents.
        stored: the type of the values on disk.
        frame_rate: of the latents, in Hz.
    """

    def __init__(self, folder: Path, shard: InputShard, stored: StoredType, frame_rate: float) -> None:
        self._folder, self._shard, self._stored, self._frame_rate = folder, shard, stored, frame_rate
        name = uuid.uuid4().hex[:12]
        self._tar_path, self._cuts_path = (folder / WRITING / f"{name}.{kind}" for kind in ("tar", "cuts"))
        self._places: list[Place | None] = []
        self._errors: list[tuple[str, str]] = []
        self._notes: list[tuple[str, str]] = []
        self._ids: set[str] = set()
        self._total: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0
        self._squared_error = 0.0
        with output_errors(folder):
            self._tar_path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._tar_path.open("wb")
            self._tar = tarfile.open(fileobj=self._file, mode="w")  # noqa: SIM115
            self._cuts_file = self._cuts_path.open("wb")
            # Neither a name nor a time in it: the same cuts are the same bytes.
            self._cuts = gzip.GzipFile("", "wb", 6, self._cuts_file, mtime=0)

    @property
    def errors(self) -> int:
        return len(self._errors)

    def first_errors(self) -> str:
        """The reasons why the first few recordings could not be used."""
        return some(why for _, why in self._errors)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._cuts, self._cuts_file, self._file):
            with suppress(OSError, ValueError):  # a full disk has been reported, and what is buffered is not needed
                file.close()
        for path in (self._tar_path, self._cuts_path):
            path.unlink(missing_ok=True)

    def add(self, clip: Clip, values: np.ndarray, samples: int, notes: tuple[str, ...] = ()) -> None:
        """The latents [T, C], float32, of a clip of so many samples.

        Raises:
            LatentsError: the type on disk cannot hold them.
            OutputError: the disk refuses.
        """
        key = self._key(clip)
        if key in self._ids:
            self.skip(clip, f"{clip.name}: another recording of this shard has the same name")
            return
        content, squared_error = pack(values, self._stored)
        self._total = self._total + values.sum(0, dtype=np.float64)
        self._squares = self._squares + np.square(values).sum(0, dtype=np.float64)
        self._squared_error += squared_error
        self._ids.add(key)
        self._notes += [(clip.name, note) for note in notes]
        with output_errors(self._folder):
            offset = self._member(f"{key}.npy", content)
            self._member(f"{key}.json", json.dumps(_manifest(values.shape, self._frame_rate)).encode())
            if self._shard.cuts is None:
                cut = _cut(key, clip, samples)
                self._cuts.write(json.dumps(cut, ensure_ascii=False).encode() + b"\n")
        self._places.append(Place(offset, len(content), len(values), samples))

    def skip(self, clip: Clip, why: str) -> None:
        """Note that a clip could not be used."""
        self._errors.append((clip.name, why))
        if self._shard.cuts is not None:
            self._places.append(None)
            with output_errors(self._folder):
                for kind in ("nodata", "nometa"):  # Lhotse's sign for a cut without this field
                    self._member(f"{clip.name}.{kind}", b"")

    def commit(self, settings: str, digest: str) -> ShardRecord:
        """Make the shard appear.

        Args:
            settings, digest: of the record.

        Raises:
            OutputError: the disk refuses.
        """
        number = self._shard.number
        with output_errors(self._folder):
            if self._shard.cuts is not None:
                self._copy_cuts(self._shard.cuts)
            self._tar.close()
            self._cuts.close()
            for file in (self._file, self._cuts_file):
                file.flush()
                os.fsync(file.fileno())
                file.close()
            record = self._record(settings, digest)
            places = [self._folder / name.format(number) for name in (TAR, CUTS, RECORD)]
            for path in places:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Without its record no shard counts, so nobody takes a new tar for one of an old record; and what the
            # index says of the corpus no longer holds.
            for stale in (self._folder / INDEX, places[2]):
                stale.unlink(missing_ok=True)
            os.replace(self._tar_path, places[0])
            os.replace(self._cuts_path, places[1])
            with atomic_path(places[2]) as temporary:
                temporary.write_text(record.text(), encoding="utf-8")
        return record

    def _record(self, settings: str, digest: str) -> ShardRecord:
        total, squares = (list(map(float, np.atleast_1d(sums))) if self._ids else [] for sums in
                          (self._total, self._squares))  # fmt: skip
        frames = sum(place.frames for place in self._places if place)
        return ShardRecord(
            self._shard.number,
            readable(self._shard.name),
            settings,
            digest,
            (self._tar_path.stat().st_size, self._cuts_path.stat().st_size),
            self._places,
            self._errors,
            Moments(frames, total, squares, self._squared_error),
            self._notes,
        )

    def _key(self, clip: Clip) -> str:
        return clip.name if self._shard.cuts is not None else key_of(clip.name)

    def _member(self, name: str, content: bytes) -> int:
        """Write a file into the tar; where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        self._tar.addfile(member, io.BytesIO(content))
        return self._tar.offset - -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

    def _copy_cuts(self, cuts: Path) -> None:
        with gzip.open(cuts) if cuts.suffix == ".gz" else cuts.open("rb") as file:
            shutil.copyfileobj(file, self._cuts)


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
    seconds = samples / SAMPLE_RATE
    sound = {"sources": [{"type": "shar", "channels": [0], "source": ""}], "sampling_rate": SAMPLE_RATE}
    where = {"start": 0, "duration": seconds, "channel": 0}
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
        "recording": {"id": key, **sound, "num_samples": samples, "duration": seconds, "channel_ids": [0]},
        "custom": {"name": readable(clip.name)},
        "type": "MonoCut",
    }
