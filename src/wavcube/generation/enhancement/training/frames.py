"""Frames of noisy speech, and the latents of the clean speech in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.data.mixing import Mixture
from wavcube.generation.regression.encoding import encode
from wavcube.generation.regression.training.frames import FrameBatch, on_waveforms


@dataclass
class NoisyBatch(FrameBatch):
    """Noisy speech, with `clean` latents [B, T, C]."""

    purpose: ClassVar[str] = "enhancement"
    clean: Tensor

    def clean_latents(self) -> Tensor:
        return self.clean

    @classmethod
    def encoded(cls, codec: WavCube, mixtures: Sequence[Mixture]) -> Self:
        noisy, clean = on_waveforms(mixtures, "noisy", "clean")
        features, latents = encode(codec, noisy)
        return cls(features, latents, encode(codec, clean)[1])

    @classmethod
    def width(cls, features: int, channels: int) -> int:
        return features + 2 * channels

    def packed(self) -> Tensor:
        return torch.cat([self.features, self.latents, self.clean], -1)

    @classmethod
    def unpacked(cls, rows: Tensor, frames: int, features: int, channels: int) -> Self:
        return cls(*rows.split([features, channels, channels], -1))
