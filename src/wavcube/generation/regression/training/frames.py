"""Frames of mixtures: what the model sees and what it should give, computed on the way or once, to a folder."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.data.mixing.pool import Pool
from wavcube.errors import DataError
from wavcube.features.shards import CachedFrames, FrameShardWriter
from wavcube.hashing import short_digest
from wavcube.progress import Progress

TOGETHER = 8
"""Mixtures that are encoded at once for the folder."""

SHARD_BYTES = 64 << 20
"""A shard is closed at this size; a kill costs at most the computing of one."""


@dataclass
class FrameBatch(ABC):
    """Mixtures of one length as frames, float32; each tool adds what is clean in them.

    Attributes:
        purpose: names the frames on disk.
        features: [B, T, H] of the mixtures.
        latents: [B, T, C] of the mixtures.
    """

    purpose: ClassVar[str]
    features: Tensor
    latents: Tensor

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        return type(self)(*(getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)))

    @abstractmethod
    def clean_latents(self) -> Tensor:
        """Latents [..., C] of clean speech, whose statistics the model is given."""

    @classmethod
    @abstractmethod
    def encoded(cls, codec: WavCube, mixtures: Sequence[Any]) -> Self:
        """Frames of mixtures of one length, on the codec's device."""

    @classmethod
    @abstractmethod
    def width(cls, features: int, channels: int) -> int:
        """Values of a row of `packed`."""

    @abstractmethod
    def packed(self) -> Tensor:
        """All frames as rows [B, R, width]."""

    @classmethod
    @abstractmethod
    def unpacked(cls, rows: Tensor, frames: int, features: int, channels: int) -> Self:
        """The opposite of `packed`; `frames` is T."""


Batch = TypeVar("Batch", bound=FrameBatch)


class MixtureSource(Protocol):
    """Mixtures by number: the same number always gives the same one."""

    samples: int
    speech: Pool

    @property
    def fingerprint(self) -> str: ...

    def __getitem__(self, number: int, /) -> Any: ...


def on_waveforms(mixtures: Sequence[Any], *names: str) -> list[Tensor]:
    """The waveforms [B, ..., S] of mixtures that attributes of these names hold."""
    return [torch.from_numpy(np.stack([getattr(mixture, name) for mixture in mixtures])) for name in names]


class MixtureFrames(CachedFrames, Generic[Batch]):
    """Frames of the first mixtures of a mixer, on disk, float16.

    Args:
        kind: which frames.
        codec: what computes them.
        mixer: the mixtures.
        count: how many.
        folder: where all caches lie; these frames have a folder in it, named for the model and the mixtures.
    """

    def __init__(self, kind: type[Batch], codec: WavCube, mixer: MixtureSource, count: int, folder: str | Path) -> None:
        self.features, self.channels = codec.config.encoder.feature_width, codec.latent_dim
        name = short_digest(kind.purpose, codec.identity, mixer.fingerprint)
        super().__init__(Path(folder) / name, kind.width(self.features, self.channels), 1)
        self.kind, self.count = kind, count
        self._codec, self._mixer = codec, mixer
        self.read_indexes()

    def __len__(self) -> int:
        return self.count

    def read_indexes(self) -> None:
        super().read_indexes()
        self._contents = {content: content for content in self._places}

    def compute(self, show_progress: bool = False) -> None:
        """Compute what is not there yet. Interrupted at any moment, the next call goes on.

        Raises:
            DataError: recordings cannot be used, or frames do not fit float16.
        """
        missing = [number for number in range(self.count) if str(number) not in self]
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, disable=not show_progress) as bar:
            task = bar.add_task("frames of mixtures", total=len(missing))
            writer = FrameShardWriter(self.folder, self.width)
            try:
                for start in range(0, len(missing), TOGETHER):
                    numbers = missing[start : start + TOGETHER]
                    for number, values in zip(numbers, self._frames_of(numbers), strict=True):
                        writer.add(str(number), values)
                    if writer.bytes >= SHARD_BYTES:
                        writer.close()
                        writer = FrameShardWriter(self.folder, self.width)
                    bar.advance(task, len(numbers))
            finally:
                # Ctrl-C keeps what is done.
                writer.close()
        self.read_indexes()

    def _frames_of(self, numbers: Sequence[int]) -> np.ndarray:
        batch = self.kind.encoded(self._codec, [self._mixer[number] for number in numbers])
        values = batch.packed().cpu().to(torch.float16).numpy()
        if not np.isfinite(values).all():
            raise DataError("mixtures: the model gives values that float16 cannot hold")
        return values

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Frames of some mixtures, from the disk."""
        rows = torch.from_numpy(np.stack([self[str(number)].astype(np.float32) for number in numbers]))
        frames = self._codec.expected_frames(self._mixer.samples)
        return self.kind.unpacked(rows, frames, self.features, self.channels)


def statistics(batches: Sequence[FrameBatch]) -> dict[str, Tensor]:
    """Mean and standard deviation of mixtures' features and clean latents, by the names that `LatentRegressor` has."""
    found = {}
    for name, parts in (("latent", [b.clean_latents() for b in batches]), ("feature", [b.features for b in batches])):
        values = torch.cat([part.flatten(0, -2) for part in parts]).double()
        std = values.std(0, correction=0)
        found[f"{name}_mean"] = values.mean(0).float()
        found[f"{name}_std"] = torch.where(std > 1e-5, std, 1.0).float()
    return found
