"""Frames of a data set on disk: computed once, then mapped into memory by whoever trains on them.

A folder below the cache's holds one frontend's frames in shards of float16, each with an index. A shard appears whole
or not at all, so that extraction can be killed at any moment and goes on where it was. Frames are found by the
checksum of the audio file, not by its name: a changed file is computed anew, a copied one is not.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from wavcube.audio import audio_info, load_audio
from wavcube.errors import AudioError, DataError
from wavcube.files import atomic_path
from wavcube.frontends.base import Frontend

SHARD_BYTES = 64 << 20
"""A shard is closed at this size; a kill costs at most the computing of one."""

BATCH_SECONDS = 60.0
"""Padded audio that goes through the frontend at once."""

BYTES = 2  # of a float16


@dataclass(frozen=True)
class Clip:
    """A recording, or its part from `start` to `end` seconds; `key` is unique in its data set."""

    key: str
    path: Path
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class CachePlan:
    """What extraction will do.

    Attributes:
        clips: how many are to be computed (the rest is there already).
        seconds: of speech in them.
        bytes: that they will take.
        free: bytes on the disk.
    """

    clips: int
    seconds: float
    bytes: int
    free: int

    def __str__(self) -> str:
        return (
            f"{self.clips} recordings to compute, {self.seconds / 3600:.2f} h of speech: {_size(self.bytes)} "
            f"({_size(self.free)} free)"
        )


@dataclass(frozen=True)
class _Place:
    shard: str
    first: int
    frames: int


class FrameCache:
    """Frames of clips, by key.

    Args:
        frontend: what computes them.
        folder: where all caches lie; each frontend has its own folder in it, named for its identity.
    """

    def __init__(self, frontend: Frontend, folder: str | os.PathLike[str]) -> None:
        self.frontend = frontend
        digest = hashlib.sha256(frontend.identity.encode()).hexdigest()[:16]
        self.folder = Path(folder) / digest
        self._checksums = _Checksums(Path(folder) / "checksums.json")
        self._places: dict[str, _Place] = {}
        self._contents: dict[str, str] = {}
        self._shards: dict[str, np.ndarray] = {}
        self._read_indexes()

    @property
    def width(self) -> int:
        """Values a frame, over all layers."""
        return self.frontend.layers * self.frontend.dim

    def plan(self, clips: Iterable[Clip]) -> CachePlan:
        """How much is left to compute, and the space that it will take.

        Raises:
            AudioError: a file is missing, unreadable or too short.
        """
        missing = self._missing(clips)
        seconds = {content: _seconds(clip) for content, clip in missing.items()}
        frames = sum(self.frontend.frames(round(s * self.frontend.sample_rate)) for s in seconds.values())
        place = next(parent for parent in [self.folder, *self.folder.parents] if parent.exists())
        free = shutil.disk_usage(place).free
        return CachePlan(len(missing), sum(seconds.values()), frames * self.width * BYTES, free)

    def extract(self, clips: Sequence[Clip], *, progress: bool = False) -> None:
        """Compute what is not there yet. Interrupted at any moment, the next call goes on.

        Raises:
            AudioError: a recording cannot be read, or is too short for one frame.
            DataError: two clips have the same key, the disk is too small, or frames do not fit float16.
        """
        if len({clip.key for clip in clips}) < len(clips):
            raise DataError("two clips of one data set have the same key")
        plan = self.plan(clips)
        if plan.bytes > plan.free:
            raise DataError(f"{self.folder}: not enough space for {plan}")
        missing = self._missing(clips)
        if missing:
            self.folder.mkdir(parents=True, exist_ok=True)
            for stale in self.folder.glob("*.writing"):
                if _age(stale) > 3600:  # left by a kill; a younger one may be another process at work
                    stale.unlink(missing_ok=True)
            self._compute(missing, plan, progress)
            self._checksums.save()

    def __getitem__(self, key: str) -> np.ndarray:
        """Frames of a clip, float16 [T, C] or [L, T, C], mapped from the disk: do not write to them."""
        place = self._places[self._contents[key]]
        if place.shard not in self._shards:
            shape = (-1, self.width)
            self._shards[place.shard] = np.memmap(self.folder / place.shard, np.float16, "r").reshape(shape)
        values = self._shards[place.shard][place.first : place.first + place.frames]
        if self.frontend.layers == 1:
            return values
        return values.reshape(place.frames, self.frontend.layers, self.frontend.dim).transpose(1, 0, 2)

    def __contains__(self, key: str) -> bool:
        return self._contents.get(key) in self._places

    def frames(self, key: str) -> int:
        """Frames of a clip, without reading them."""
        return self._places[self._contents[key]].frames

    def statistics(self, keys: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel over all frames of `keys`: [C] each, or [L, C], float32."""
        count, total, squares = 0, np.zeros(self.width), np.zeros(self.width)
        for key in keys:
            values = self[key]
            if self.frontend.layers > 1:
                values = values.transpose(1, 0, 2).reshape(-1, self.width)
            wide = values.astype(np.float64)
            count += len(wide)
            total += wide.sum(0)
            squares += np.square(wide).sum(0)
        if not count:
            raise DataError("no frames to take statistics of")
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        shape = (self.frontend.dim,) if self.frontend.layers == 1 else (self.frontend.layers, self.frontend.dim)
        return mean.astype(np.float32).reshape(shape), deviation.astype(np.float32).reshape(shape)

    def _missing(self, clips: Iterable[Clip]) -> dict[str, Clip]:
        """Clips that are to be computed, by what identifies their content."""
        missing = {}
        for clip in clips:
            content = self._checksums.of(clip.path)
            if clip.start is not None or clip.end is not None:
                content += f":{clip.start or 0:.3f}-{'' if clip.end is None else f'{clip.end:.3f}'}"
            self._contents[clip.key] = content
            if content not in self._places:
                missing[content] = clip
        self._checksums.save()
        return missing

    def _compute(self, missing: dict[str, Clip], plan: CachePlan, progress: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        with Progress(*columns, TimeRemainingColumn(), disable=not progress) as bar:
            text = f"{self.frontend.name}: frames of {plan.clips} recordings"
            task = bar.add_task(text, total=plan.seconds, done="")
            writer = _ShardWriter(self.folder, self.width)
            try:
                for batch in _batches(missing):
                    for content, values in self._frames_of(batch):
                        writer.add(content, values)
                    if writer.bytes >= SHARD_BYTES:
                        self._places.update(writer.close())
                        writer = _ShardWriter(self.folder, self.width)
                    bar.advance(task, sum(seconds for _, _, seconds in batch))
                    bar.update(task, done=f"{len(batch)} at once")
            finally:
                # Ctrl-C keeps what is done.
                self._places.update(writer.close())

    def _frames_of(self, batch: list[tuple[str, Clip, float]]) -> list[tuple[str, np.ndarray]]:
        """Frames [T, width] of each clip of a batch, with its content's name."""
        waveforms = [read_clip(clip, self.frontend.sample_rate) for _, clip, _ in batch]
        for (_, clip, _), waveform in zip(batch, waveforms, strict=True):
            if len(waveform) < self.frontend.shortest:
                raise AudioError(
                    f"{clip.path}: {len(waveform)} samples at 16 kHz are too short; {self.frontend.name} needs "
                    f"{self.frontend.shortest}"
                )
        lengths = torch.tensor([len(waveform) for waveform in waveforms])
        values, frames = self.frontend(pad_sequence([torch.from_numpy(w) for w in waveforms], True), lengths)
        if self.frontend.layers > 1:
            values = values.transpose(1, 2).flatten(2)
        halves = values.cpu().to(torch.float16).numpy()
        found = []
        for (content, clip, _), item, count in zip(batch, halves, frames.tolist(), strict=True):
            if not np.isfinite(item[:count]).all():
                raise DataError(f"{clip.path}: {self.frontend.name} gives values that float16 cannot hold")
            found.append((content, item[:count]))
        return found

    def _read_indexes(self) -> None:
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
            self._places.update({content: _Place(shard, first, frames) for content, first, frames in entries})


class _ShardWriter:
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
        self.file.write(np.ascontiguousarray(values).tobytes())
        self.entries.append((content, self.frames, len(values)))
        self.frames += len(values)

    def close(self) -> dict[str, _Place]:
        """Finish the shard; where its entries lie."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if not self.entries:
            self.temporary.unlink(missing_ok=True)
            return {}
        os.replace(self.temporary, self.folder / f"{self.name}.f16")
        with atomic_path(self.folder / f"{self.name}.json") as path:
            path.write_text(json.dumps(self.entries), encoding="utf-8")
        return {content: _Place(f"{self.name}.f16", first, frames) for content, first, frames in self.entries}


class _Checksums:
    """Checksums of audio files, remembered by path, size and time of change."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.changed = False
        try:
            self.known: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}  # only costs reading the files again

    def of(self, path: Path) -> str:
        try:
            status = path.stat()
            remembered = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
            if remembered not in self.known:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
                self.known[remembered] = digest
                self.changed = True
        except OSError as error:
            raise AudioError(f"{path}: cannot be read ({error.strerror})") from error
        return self.known[remembered]

    def save(self) -> None:
        if self.changed:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self.file) as path:
                path.write_text(json.dumps(self.known), encoding="utf-8")
            self.changed = False


def read_clip(clip: Clip, sample_rate: int = 16_000) -> np.ndarray:
    """The waveform [S] of a clip.

    Raises:
        AudioError: it cannot be read, or ends before the clip begins.
    """
    waveform = load_audio(clip.path, sample_rate)
    if clip.start is None and clip.end is None:
        return waveform
    first = round((clip.start or 0.0) * sample_rate)
    last = len(waveform) if clip.end is None else round(clip.end * sample_rate)
    if not 0 <= first < min(last, len(waveform)):
        seconds = len(waveform) / sample_rate
        raise AudioError(f"{clip.path}: {seconds:.2f} s long, has no part from {clip.start} to {clip.end} s")
    return waveform[first:last]


def _batches(missing: dict[str, Clip]) -> Iterable[list[tuple[str, Clip, float]]]:
    """Clips of like duration together, at most `BATCH_SECONDS` with their padding."""
    timed = sorted(((content, clip, _seconds(clip)) for content, clip in missing.items()), key=lambda item: item[2])
    batch: list[tuple[str, Clip, float]] = []
    for item in timed:
        if batch and (len(batch) + 1) * item[2] > BATCH_SECONDS:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _seconds(clip: Clip) -> float:
    seconds = audio_info(clip.path).seconds
    return min(seconds, clip.end if clip.end is not None else seconds) - (clip.start or 0.0)


def _age(path: Path) -> float:
    import time

    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
