"""Latents that were stored, as a representation whose model is not at hand."""

import os
from pathlib import Path

from torch import Tensor

from wavcube.data.stored_latents.corpus import LatentCorpus
from wavcube.errors import DataError
from wavcube.features.base import FeatureExtractor, latents_fingerprint


class StoredLatents(FeatureExtractor):
    """The latents that `wavcube encode --to shar` wrote. It computes none: a `FrameCache` reads them from there.

    Args:
        folder: with latents.json.

    Raises:
        DataError: there is none, or not all shards were complete.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        about = LatentCorpus(folder).about
        self.name = Path(folder).resolve().name
        self.dim, self.frame_rate, self.shortest = about.dim, about.frame_rate, 0
        self.fingerprint = latents_fingerprint(about.identity)

    def frames(self, samples: int) -> int:
        return round(samples / self.sample_rate * self.frame_rate)

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        raise DataError(f"{self.name}: holds latents and no model; name the model for recordings that it does not hold")
