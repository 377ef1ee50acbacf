"""Frames of a data set on disk: computed once, then mapped into memory by whoever trains on them.

A folder below the cache's holds one feature extractor's frames in shards of float16, each with an index. A shard
appears whole or not at all, so that extraction can be killed at any moment and goes on where it was. Frames are found
by the checksum of the audio file, not by its name: a changed file is computed anew, a copied one is not. Latents that
`wavcube encode --to shar` has stored are read from there, without any audio.
"""

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.bucketing import batches_by_length
from wavcube.data.clip import Clip, read_clip, seconds_of
from wavcube.data.stored_latents.clips import StoredPlace, stored_place
from wavcube.data.stored_latents.corpus import LatentCorpus
from wavcube.errors import AudioError, DataError
from wavcube.features.base import FeatureExtractor, latents_fingerprint
from wavcube.features.checksums import Checksums
from wavcube.features.shards import BYTES, CachedFrames, FrameShardWriter
from wavcube.hashing import short_digest

SHARD_BYTES = 64 << 20
"""A shard is closed at this size; a kill costs at most the computing of one."""

BATCH_SECONDS = 60.0
"""Padded audio that goes through the feature extractor at once."""


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


class FrameCache(CachedFrames):
    """Frames of clips, by key.

    Args:
        extractor: what computes them.
        folder: where all caches lie; each feature extractor has its own folder in it, named for its fingerprint.
    """

    def __init__(self, extractor: FeatureExtractor, folder: str | os.PathLike[str]) -> None:
        self.extractor = extractor
        digest = short_digest(extractor.fingerprint)
        super().__init__(Path(folder) / digest, extractor.dim, extractor.layers)
        self._checksums = Checksums(Path(folder) / "checksums.json")
        self.read_indexes()

    def reader(self) -> CachedFrames:
        """What is there now, without the feature extractor: small, and fit to be sent to another process."""
        reader = CachedFrames(self.folder, self.dim, self.layers)
        reader._places, reader._contents = dict(self._places), dict(self._contents)
        reader._stored, reader._corpora = dict(self._stored), dict(self._corpora)
        return reader

    def plan(self, clips: Iterable[Clip]) -> CachePlan:
        """How much is left to compute, and the space that it will take.

        Raises:
            AudioError: a file is missing, unreadable or too short.
        """
        return self._plan(self._missing(clips))

    def _plan(self, missing: "list[_Missing]") -> CachePlan:
        rate = self.extractor.sample_rate
        frames = sum(self.extractor.frames(round(one.seconds * rate)) for one in missing)
        place = next(parent for parent in [self.folder, *self.folder.parents] if parent.exists())
        free = shutil.disk_usage(place).free
        return CachePlan(len(missing), sum(one.seconds for one in missing), frames * self.width * BYTES, free)

    def extract(self, clips: Sequence[Clip], *, progress: bool = False) -> None:
        """Compute what is not there yet. Interrupted at any moment, the next call goes on.

        Raises:
            AudioError: a recording cannot be read, or is too short for one frame.
            DataError: two clips have the same key, the disk is too small, or frames do not fit float16.
        """
        if len({clip.name for clip in clips}) < len(clips):
            raise DataError("two clips of one data set have the same key")
        missing = self._missing(clips)
        plan = self._plan(missing)
        if plan.bytes > plan.free:
            raise DataError(f"{self.folder}: not enough space for {plan}")
        if missing:
            self.folder.mkdir(parents=True, exist_ok=True)
            for stale in self.folder.glob("*.writing"):
                if _age(stale) > 3600:  # left by a kill; a younger one may be another process at work
                    stale.unlink(missing_ok=True)
            self._compute(missing, plan, progress)
            self._checksums.save()

    def _missing(self, clips: Iterable[Clip]) -> "list[_Missing]":
        """What is to be computed, each content once."""
        missing: dict[str, Clip] = {}
        for clip in clips:
            place = stored_place(clip)
            if place is not None:
                self._take(clip, place)
                continue
            content = self._checksums.of(clip.path)
            if clip.start is not None:
                end = "" if clip.seconds is None else f"{clip.start + clip.seconds:.3f}"
                content += f":{clip.start:.3f}-{end}"
            self._contents[clip.name] = content
            if content not in self._places:
                missing[content] = clip
        self._checksums.save()
        return [_Missing(content, clip, seconds_of(clip)) for content, clip in missing.items()]

    def _take(self, clip: Clip, place: StoredPlace) -> None:
        """Use the latents that a corpus of them has, if they are this feature extractor's frames.

        Raises:
            DataError: they are of another one.
        """
        if place.folder not in self._corpora:
            corpus = LatentCorpus(place.folder)
            if self.extractor.fingerprint != latents_fingerprint(corpus.about.identity):
                raise DataError(
                    f"{place.folder}: holds latents of the model {corpus.about.identity}, no frames of "
                    f"{self.extractor.name}; train on those of its model, or on the recordings"
                )
            self._corpora[place.folder] = corpus
        self._stored[clip.name] = place

    def _compute(self, missing: "list[_Missing]", plan: CachePlan, progress: bool) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        from wavcube.progress import Progress

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        with Progress(*columns, TimeRemainingColumn(), disable=not progress) as bar:
            text = f"{self.extractor.name}: frames of {plan.clips} recordings"
            task = bar.add_task(text, total=plan.seconds, done="")
            writer = FrameShardWriter(self.folder, self.width)
            try:
                for batch in batches_by_length(missing, lambda one: one.seconds, BATCH_SECONDS):
                    for content, values in self._frames_of(batch):
                        writer.add(content, values)
                    if writer.bytes >= SHARD_BYTES:
                        self._places.update(writer.close())
                        writer = FrameShardWriter(self.folder, self.width)
                    bar.advance(task, sum(one.seconds for one in batch))
                    bar.update(task, done=f"{len(batch)} at once")
            finally:
                # Ctrl-C keeps what is done.
                self._places.update(writer.close())

    def _frames_of(self, batch: "list[_Missing]") -> list[tuple[str, np.ndarray]]:
        """Frames [T, width] of each clip of a batch, with its content's name."""
        waveforms = [read_clip(one.clip, self.extractor.sample_rate) for one in batch]
        for one, waveform in zip(batch, waveforms, strict=True):
            if len(waveform) < self.extractor.shortest:
                raise AudioError(
                    f"{one.clip.path}: {len(waveform)} samples at 16 kHz are too short; {self.extractor.name} needs "
                    f"{self.extractor.shortest}"
                )
        lengths = torch.tensor([len(waveform) for waveform in waveforms])
        values, frames = self.extractor(pad_sequence([torch.from_numpy(w) for w in waveforms], True), lengths)
        if self.layers > 1:
            values = values.transpose(1, 2).flatten(2)
        halves = values.cpu().to(torch.float16).numpy()
        found = []
        for one, item, count in zip(batch, halves, frames.tolist(), strict=True):
            if not np.isfinite(item[:count]).all():
                raise DataError(f"{one.clip.path}: {self.extractor.name} gives values that float16 cannot hold")
            found.append((one.content, item[:count]))
        return found


class _Missing(NamedTuple):
    """A clip whose frames are not on disk, by what identifies its content."""

    content: str
    clip: Clip
    seconds: float


def _age(path: Path) -> float:
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
