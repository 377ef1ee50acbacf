"""Frames of mixtures: what the model sees and what it should give, computed on the way or once, to a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.data.mixing import Mixer, Mixture
from wavcube.errors import DataError
from wavcube.features.shards import CachedFrames, ShardWriter
from wavcube.generation.enhancement.pipeline import encode
from wavcube.hashing import short_digest
from wavcube.progress import Progress

TOGETHER = 8
"""Mixtures that are encoded at once for the folder."""

SHARD_BYTES = 64 << 20
"""A shard is closed at this size; a kill costs at most the computing of one."""


@dataclass
class FrameBatch:
    """Mixtures of one length as frames, float32.

    Attributes:
        features: [B, T, H] of the noisy speech.
        latents: [B, T, C] of the noisy speech.
        clean: [B, T, C], latents of the clean speech.
    """

    features: Tensor
    latents: Tensor
    clean: Tensor

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "FrameBatch":
        return FrameBatch(
            *(values.to(device, non_blocking=non_blocking) for values in (self.features, self.latents, self.clean))
        )


def encode_mixtures(codec: WavCube, mixtures: Sequence[Mixture]) -> FrameBatch:
    """Frames of mixtures of one length, on the codec's device."""
    noisy, clean = (
        torch.from_numpy(np.stack(waveforms))
        for waveforms in ([m.noisy for m in mixtures], [m.clean for m in mixtures])
    )
    features, latents = encode(codec, noisy)
    return FrameBatch(features, latents, encode(codec, clean)[1])


class MixtureFrames(CachedFrames):
    """Frames of the first mixtures of a mixer, on disk: features, noisy and clean latents side by side, float16.

    Args:
        codec: what computes them.
        mixer: the mixtures.
        count: how many.
        folder: where all caches lie; these frames have a folder in it, named for the model and the mixtures.
    """

    def __init__(self, codec: WavCube, mixer: Mixer, count: int, folder: str | Path) -> None:
        self.features, self.channels = codec.config.encoder.feature_width, codec.latent_dim
        name = short_digest("enhancement", codec.identity, mixer.fingerprint)
        super().__init__(Path(folder) / name, self.features + 2 * self.channels, 1)
        self.count = count
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
            writer = ShardWriter(self.folder, self.width)
            try:
                for start in range(0, len(missing), TOGETHER):
                    numbers = missing[start : start + TOGETHER]
                    for number, values in zip(numbers, self._frames_of(numbers), strict=True):
                        writer.add(str(number), values)
                    if writer.bytes >= SHARD_BYTES:
                        writer.close()
                        writer = ShardWriter(self.folder, self.width)
                    bar.advance(task, len(numbers))
            finally:
                # Ctrl-C keeps what is done.
                writer.close()
        self.read_indexes()

    def _frames_of(self, numbers: Sequence[int]) -> np.ndarray:
        batch = encode_mixtures(self._codec, [self._mixer[number] for number in numbers])
        values = torch.cat([batch.features, batch.latents, batch.clean], -1).cpu().to(torch.float16).numpy()
        if not np.isfinite(values).all():
            raise DataError("mixtures: the model gives values that float16 cannot hold")
        return values

    def batch(self, numbers: Sequence[int]) -> FrameBatch:
        """Frames of some mixtures, from the disk."""
        values = torch.from_numpy(np.stack([self[str(number)].astype(np.float32) for number in numbers]))
        return FrameBatch(*values.split([self.features, self.channels, self.channels], -1))


def statistics(batches: Sequence[FrameBatch]) -> dict[str, Tensor]:
    """Mean and standard deviation of noisy features and clean latents, by the names that `LatentEnhancer` has."""
    found = {}
    for name, parts in (("latent", [b.clean for b in batches]), ("feature", [b.features for b in batches])):
        values = torch.cat([part.flatten(0, 1) for part in parts]).double()
        std = values.std(0, correction=0)
        found[f"{name}_mean"] = values.mean(0).float()
        found[f"{name}_std"] = torch.where(std > 1e-5, std, 1.0).float()
    return found
