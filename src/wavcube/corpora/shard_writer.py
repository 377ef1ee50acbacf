"""A shard on its way to disk: under another name until all of it is there."""

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
from typing import Any, ClassVar, Self

from wavcube.corpora.shard import Shard
from wavcube.data.clip import Clip
from wavcube.data.manifest import some
from wavcube.data.stored_latents.record import CUTS, RECORD, Moments, Place, ShardRecord
from wavcube.errors import WavCubeError
from wavcube.files import FULL, atomic_path, readable, reason, saying_when_full

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
        shard: what is written of. Where it has cuts they are kept as they are, and a recording that could not be used
            has an empty place, so that all fields of Lhotse Shar lie beside each other.

    Attributes:
        tar_name: of the result, with a place for the number.
        index_name: of the file that sums all shards up.
        moments: of what was written.
    """

    tar_name: ClassVar[str]
    index_name: ClassVar[str]

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._folder, self._shard = folder, shard
        self.moments = Moments(0, [], [], 0.0)
        name = uuid.uuid4().hex[:12]
        self._tar_path, self._cuts_path = (folder / WRITING / f"{name}.{kind}" for kind in ("tar", "cuts"))
        self._places: list[Place | None] = []
        self._errors: list[tuple[str, str]] = []
        self._notes: list[tuple[str, str]] = []
        self._ids: set[str] = set()
        with output_errors(folder):
            self._tar_path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._tar_path.open("wb")
            self._tar = tarfile.open(fileobj=self._file, mode="w")  # noqa: SIM115
            self._cuts_file = self._cuts_path.open("wb")
            # Neither a name nor a time in it: the same cuts are the same bytes.
            self._cuts = gzip.GzipFile("", "wb", 6, self._cuts_file, mtime=0)

    @property
    def errors(self) -> int:
        """Recordings that could not be used."""
        return len(self._errors)

    @property
    def count(self) -> int:
        """Recordings that were written or could not be used."""
        return len(self._ids) + len(self._errors)

    def first_errors(self) -> str:
        """The reasons why the first few recordings could not be used."""
        return some(why for _, why in self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._cuts, self._cuts_file, self._file):
            with suppress(OSError, ValueError):  # a full disk has been reported, and what is buffered is not needed
                file.close()
        for path in (self._tar_path, self._cuts_path):
            path.unlink(missing_ok=True)

    def _put(
        self,
        clip: Clip,
        key: str,
        suffix: str,
        content: bytes,
        manifest: dict[str, Any],
        *,
        frames: int,
        samples: int,
        notes: tuple[str, ...],
        cut: dict[str, Any] | None = None,
    ) -> bool:
        """Write the file and the manifest of a recording; False where the shard has one of this key already."""
        if key in self._ids:
            self.skip(clip, f"{clip.name}: another recording of this shard has the same name")
            return False
        self._ids.add(key)
        self._notes += [(clip.name, note) for note in notes]
        with output_errors(self._folder):
            offset = self._member(f"{key}.{suffix}", content)
            self._member(f"{key}.json", json.dumps(manifest).encode())
            if cut is not None:
                self._cuts.write(json.dumps(cut, ensure_ascii=False).encode() + b"\n")
        self._places.append(Place(offset, len(content), frames, samples))
        return True

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
            places = [self._folder / name.format(number) for name in (self.tar_name, CUTS, RECORD)]
            for path in places:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Without its record no shard counts, so nobody takes a new tar for one of an old record; and what the
            # index says of the corpus no longer holds.
            for stale in (self._folder / self.index_name, places[2]):
                stale.unlink(missing_ok=True)
            os.replace(self._tar_path, places[0])
            os.replace(self._cuts_path, places[1])
            with atomic_path(places[2]) as temporary:
                temporary.write_text(record.text(), encoding="utf-8")
        return record

    def _record(self, settings: str, digest: str) -> ShardRecord:
        return ShardRecord(
            self._shard.number,
            readable(self._shard.name),
            settings,
            digest,
            (self._tar_path.stat().st_size, self._cuts_path.stat().st_size),
            self._places,
            self._errors,
            self.moments,
            self._notes,
            self.tar_name,
        )

    def _member(self, name: str, content: bytes) -> int:
        """Write a file into the tar; where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        self._tar.addfile(member, io.BytesIO(content))
        return self._tar.offset - -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

    def _copy_cuts(self, cuts: Path) -> None:
        with gzip.open(cuts) if cuts.suffix == ".gz" else cuts.open("rb") as file:
            shutil.copyfileobj(file, self._cuts)


def shar_recording(key: str, samples: int, sample_rate: int) -> dict[str, Any]:
    """A recording as Lhotse Shar lists it, whose audio is a field."""
    return {
        "id": key,
        "sources": [{"type": "shar", "channels": [0], "source": ""}],
        "sampling_rate": sample_rate,
        "num_samples": samples,
        "duration": samples / sample_rate,
        "channel_ids": [0],
    }
