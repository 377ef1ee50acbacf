"""`Latents`: what speech becomes. Values `[B, T, C]`, the length of each item, and where they come from."""

import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from wavcube.errors import LatentsError
from wavcube.latent_files import read_latents, write_latents
from wavcube.padding import valid_mask

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""Types of values; torch can hardly compute with narrower floats."""


@dataclass(eq=False)
class Latents:
    """Latents of a batch of recordings; frames behind an item's length are padding.

    Attributes:
        values: `[B, T, C]`, floats.
        lengths: `[B]`, int64: frames of each item.
        frame_rate: frames a second.
        sample_rate: of the speech that they stand for, in Hz.
        samples: `[B]`, int64: samples of the speech of each item, if known; decoding then gives exactly as many.
        model_id: fingerprint of the model whose latent space this is, if known; other spaces have other meanings.
        metadata: one dictionary of texts an item.

    Raises:
        LatentsError: on shapes or lengths that do not fit together, NaN or infinite values, or a rate not above zero.
    """

    values: Tensor
    lengths: Tensor
    frame_rate: float
    sample_rate: int = 16_000
    samples: Tensor | None = None
    model_id: str | None = None
    metadata: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.values.dim() != 3 or self.values.dtype not in FLOATS:
            raise LatentsError(
                "latents are floats [batch, frames, channels] of 16, 32 or 64 bits, "
                f"not {self.values.dtype} {list(self.values.shape)}"
            )
        batch, frames, _ = self.values.shape
        self.lengths = self._integers(self.lengths, "lengths")
        if batch and not 0 <= int(self.lengths.min()) <= int(self.lengths.max()) <= frames:
            raise LatentsError(f"lengths must be 0 to {frames} (the frames there are), not {self.lengths.tolist()}")
        if self.samples is not None:
            self.samples = self._integers(self.samples, "samples")
            if batch and int(self.samples.min()) < 0:
                raise LatentsError(f"samples cannot be negative: {self.samples.tolist()}")
        if not 0 < self.frame_rate < float("inf"):
            raise LatentsError(f"the frame rate must be above zero, not {self.frame_rate}")
        if not self.sample_rate > 0:
            raise LatentsError(f"the sample rate must be above zero, not {self.sample_rate}")
        self.metadata = self.metadata or [{} for _ in range(batch)]
        if len(self.metadata) != batch:
            raise LatentsError(f"{len(self.metadata)} metadata entries for {batch} items; give one an item")
        if not bool(torch.isfinite(self.values).all()):
            raise LatentsError(f"latents hold NaN or infinite values (as {self.values.dtype})")

    def _integers(self, numbers: Tensor, name: str) -> Tensor:
        numbers = torch.as_tensor(numbers)
        if numbers.shape != self.values.shape[:1] or numbers.is_floating_point() or numbers.dtype == torch.bool:
            raise LatentsError(f"{name} must be one integer an item, not {numbers.dtype} {list(numbers.shape)}")
        return numbers.to(self.values.device, torch.int64)

    @property
    def mask(self) -> Tensor:
        """`[B, T]`, true where a frame belongs to its item, false in padding."""
        return valid_mask(self.lengths, self.values.shape[1])

    @property
    def hop_length(self) -> int:
        """Samples of speech a frame stands for."""
        return round(self.sample_rate / self.frame_rate)

    def pooled(self, how: Literal["mean", "mean_std"] = "mean") -> Tensor:
        """One vector for each item: `[B, C]`, the mean over its own frames; with "mean_std" `[B, 2 C]`.

        The standard deviation, which follows the mean, is the biased one, and zero for a single frame. In float32 at
        least.

        Raises:
            LatentsError: an item without frames, or another `how`.
        """
        if how not in ("mean", "mean_std"):
            raise LatentsError(f'latents are pooled by "mean" or "mean_std", not by {how!r}')
        if len(self) and int(self.lengths.min()) == 0:
            raise LatentsError(f"item {int(self.lengths.argmin())} has no frames to pool")
        values = self.values.to(torch.promote_types(self.values.dtype, torch.float32))
        real, counts = self.mask[..., None], self.lengths[:, None]
        mean = values.masked_fill(~real, 0.0).sum(1) / counts
        if how == "mean":
            return mean
        variance = (values - mean[:, None]).masked_fill(~real, 0.0).square().sum(1) / counts
        return torch.cat([mean, variance.sqrt()], dim=1)

    def __len__(self) -> int:
        return self.values.shape[0]

    def __iter__(self) -> Iterator["Latents"]:
        return (self.item(index) for index in range(len(self)))

    def __getitem__(self, index: int | slice) -> "Latents":
        """One item as a batch of one, without its padding; or a batch of several."""
        if not isinstance(index, slice):
            return self.item(index)
        indices = list(range(len(self))[index])
        return replace(
            self,
            values=self.values[indices],
            lengths=self.lengths[indices],
            samples=None if self.samples is None else self.samples[indices],
            metadata=[self.metadata[i] for i in indices],
        )

    def item(self, index: int) -> "Latents":
        """Give one item as a batch of one, without its padding."""
        try:
            index = operator.index(index)
        except TypeError as error:
            raise TypeError(f"items of latents are chosen by an integer or a slice, not {index!r}") from error
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        index %= len(self)
        length = int(self.lengths[index])
        return replace(
            self,
            values=self.values[index : index + 1, :length],
            lengths=self.lengths[index : index + 1],
            samples=None if self.samples is None else self.samples[index : index + 1],
            metadata=[self.metadata[index]],
        )

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Latents":
        """Move to a device; `dtype` is that of the values alone."""
        return replace(self, values=self.values.to(device=device, dtype=dtype))

    def slice(self, start: int = 0, end: int | None = None) -> "Latents":
        """Give the frames from `start` up to but not including `end` of every item."""
        frames = self.values.shape[1]
        end = frames if end is None else min(end, frames)
        if not 0 <= start <= end:
            raise LatentsError(f"frames {start} to {end} are no slice of {frames} frames")
        samples = self.samples
        if samples is not None:
            # The last frame of an item also answers for the samples behind it that fill no frame.
            inner = torch.full_like(samples, (end - start) * self.hop_length)
            samples = torch.where(self.lengths > end, inner, samples - start * self.hop_length).clamp(min=0)
        return replace(
            self,
            values=self.values[:, start:end],
            lengths=(self.lengths - start).clamp(0, end - start),
            samples=samples,
        )

    @staticmethod
    def batch(items: Iterable["Latents"]) -> "Latents":
        """Put latents together as one batch, padded with zeros to the longest.

        Raises:
            LatentsError: they are of different widths, rates, types or models, or only some know their samples.
        """
        items = list(items)
        first = _check_alike(items)
        frames = max(latents.values.shape[1] for latents in items)
        return replace(
            first,
            values=torch.cat([_padded(latents.values, frames) for latents in items]),
            lengths=torch.cat([latents.lengths for latents in items]),
            samples=None if first.samples is None else torch.cat([latents.samples for latents in items]),  # type: ignore[misc]
            metadata=[entry for latents in items for entry in latents.metadata],
        )

    @staticmethod
    def concatenate(parts: Iterable["Latents"]) -> "Latents":
        """Put latents one behind the other in time, item by item; padding between them is dropped.

        Of the metadata what all parts agree on is kept.

        Raises:
            LatentsError: they are of different batch sizes, widths, rates, types or models, or only some know their
                samples.
        """
        parts = list(parts)
        first = _check_alike(parts)
        if len({len(part) for part in parts}) > 1:
            raise LatentsError(f"latents of different batch sizes cannot be joined: {[len(part) for part in parts]}")
        lengths = torch.stack([part.lengths for part in parts]).sum(0)
        frames = int(lengths.max()) if len(first) else 0
        joined = [torch.cat([part.item(index).values for part in parts], dim=1) for index in range(len(first))]
        samples = parts[-1].samples
        if samples is not None:
            samples = samples + sum(part.lengths * part.hop_length for part in parts[:-1])
        metadata = [
            {key: text for key, text in entries[0].items() if all(entry.get(key) == text for entry in entries)}
            for entries in zip(*(part.metadata for part in parts), strict=True)
        ]
        values = torch.cat([_padded(value, frames) for value in joined]) if joined else first.values
        return replace(first, values=values, lengths=lengths, samples=samples, metadata=metadata)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file, by its suffix; it appears whole or not at all.

        `.safetensors` and `.pt` keep everything (`wavcube.latent_files` says how). `.npy` is the bare array `[T, C]` of
        one item (bfloat16 becomes float32): rates, samples, model and metadata are lost.

        Raises:
            LatentsError: another suffix, several items for `.npy`, no such folder, or a disk that refuses.
        """
        kept = self.item(0) if len(self) == 1 else self
        tensors = {"values": kept.values[0] if len(kept) == 1 else kept.values, "lengths": kept.lengths}
        if kept.samples is not None:
            tensors["samples"] = kept.samples
        header: dict[str, Any] = {
            "frame_rate": float(kept.frame_rate),
            "sample_rate": int(kept.sample_rate),
            "metadata": kept.metadata,
        }
        if kept.model_id is not None:
            header["model"] = kept.model_id
        write_latents(Path(path), header, {name: value.detach().cpu().contiguous() for name, value in tensors.items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, frame_rate: float = 50.0, sample_rate: int = 16_000) -> "Latents":
        """Read what `save` has written, onto the CPU.

        Args:
            path: a .safetensors, .npy or .pt file.
            frame_rate: of an `.npy` file, which does not say it; other files know their own.
            sample_rate: likewise, in Hz.

        Raises:
            LatentsError: the file is missing, half-written, made by something else or by another version.
        """
        path = Path(path)
        header, tensors = read_latents(path)
        values = tensors["values"]
        if values.dim() == 2:
            values = values[None]
        lengths = tensors.get("lengths")
        if lengths is None:
            lengths = torch.tensor(values.shape[1:2])
        try:
            return cls(
                values=values,
                lengths=lengths,
                frame_rate=header.get("frame_rate", frame_rate),
                sample_rate=header.get("sample_rate", sample_rate),
                samples=tensors.get("samples"),
                model_id=header.get("model"),
                metadata=header.get("metadata", []),
            )
        except LatentsError as error:
            raise LatentsError(f"{path}: {error}") from error


def _padded(values: Tensor, frames: int) -> Tensor:
    return torch.nn.functional.pad(values[:, :frames], (0, 0, 0, max(0, frames - values.shape[1])))


def _check_alike(several: Sequence[Latents]) -> Latents:
    """Refuse to put together what differs in kind; give the first."""
    if not several:
        raise LatentsError("no latents to put together")
    for latents in several:
        if not isinstance(latents, Latents):
            raise LatentsError(f"latents are put together, not {type(latents).__name__}")

    def kind(latents: Latents) -> dict[str, object]:
        return {
            "width": latents.values.shape[2],
            "type": latents.values.dtype,
            "frame rate": latents.frame_rate,
            "sample rate": latents.sample_rate,
            "model": latents.model_id,
            "knowledge of samples": latents.samples is not None,
        }

    first = kind(several[0])
    for latents in several[1:]:
        for name, value in kind(latents).items():
            if value != first[name]:
                raise LatentsError(f"latents of different {name} cannot be put together: {first[name]} and {value}")
    return several[0]
