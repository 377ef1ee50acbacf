"""Frames of two talkers at once, of each alone, and of an enrolment of the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from wavcube.codec import WavCube
from wavcube.data.mixing import TalkerMixture
from wavcube.generation.regression.encoding import encode
from wavcube.generation.regression.training.frames import FrameBatch, on_waveforms


@dataclass
class TalkerBatch(FrameBatch):
    """Two talkers at once.

    Attributes:
        sources: [B, T, 2, C], latents of the talkers.
        enrolment_features, enrolment_latents: [B, E, H] and [B, E, C], of the first talker in another recording.
    """

    purpose: ClassVar[str] = "separation"
    sources: Tensor
    enrolment_features: Tensor
    enrolment_latents: Tensor

    def clean_latents(self) -> Tensor:
        return self.sources

    @classmethod
    def encoded(cls, codec: WavCube, mixtures: Sequence[TalkerMixture]) -> Self:
        mixed, sources, enrolments = on_waveforms(mixtures, "mixture", "sources", "enrolment")
        latents = torch.stack([encode(codec, sources[:, k])[1] for k in (0, 1)], 2)
        return cls(*encode(codec, mixed), latents, *encode(codec, enrolments))

    @classmethod
    def width(cls, features: int, channels: int) -> int:
        return features + 3 * channels

    def packed(self) -> Tensor:
        mixtures = torch.cat([self.features, self.latents, self.sources.flatten(2)], -1)
        enrolments = torch.cat([self.enrolment_features, self.enrolment_latents], -1)
        return torch.cat([mixtures, pad(enrolments, (0, mixtures.shape[-1] - enrolments.shape[-1]))], 1)

    @classmethod
    def unpacked(cls, rows: Tensor, frames: int, features: int, channels: int) -> Self:
        mixed, latents, sources = rows[:, :frames].split([features, channels, 2 * channels], -1)
        known, known_latents, _ = rows[:, frames:].split([features, channels, 2 * channels], -1)
        return cls(mixed, latents, sources.unflatten(-1, (2, channels)), known, known_latents)
