"""WavCube itself under evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from wavcube.errors import ConfigError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.latents import Latents


class WavCubeSystem(System):
    """Encode and decode with a WavCube model; the recordings of a call form one batch on the model's device.

    Args:
        model: the one under evaluation.
        name: in tables.
        latent_noise: standard deviation of white noise that is added to the latent before it is decoded, in standard
            deviations of each channel over the recording. It shows how the decoder takes the errors of a generator.

    Raises:
        ConfigError: the noise is negative or not finite.
    """

    def __init__(self, model: "WavCube", name: str = "wavcube", latent_noise: float = 0.0) -> None:
        if not 0.0 <= latent_noise < float("inf"):
            raise ConfigError(f"latent_noise={latent_noise:g} should be zero or more, such as 0.3")
        self.model = model
        self.name = name
        self.latent_noise = latent_noise
        noise = f", noise of {latent_noise:g} std on the latent" if latent_noise else ""
        self.title = f"WavCube, {model.latent_dim} channels at {model.frame_rate:g} Hz{noise}"
        self.fingerprint = f"{model.weights_fingerprint()} {model.precision} {model.chunking}{noise}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        latents = self.model.encode([original.at(EVALUATION_RATE) for original in originals], EVALUATION_RATE)
        if self.latent_noise:
            latents = self._disturbed(latents)
        waveforms = self.model.decode(latents)
        counts = [len(original.at(EVALUATION_RATE)) for original in originals]
        return [
            Recording(waveform[:count].float().cpu().numpy(), EVALUATION_RATE, original.name)
            for waveform, count, original in zip(waveforms, counts, originals, strict=True)
        ]

    def _disturbed(self, latents: "Latents") -> "Latents":
        """The noise of an item depends on its own frames alone, and is the same in every batch and on every device."""
        values = latents.values.clone()
        for item, frames in zip(values, latents.lengths.tolist(), strict=True):
            noise = torch.randn(frames, values.shape[2], generator=torch.Generator().manual_seed(0)).to(values)
            item[:frames] += self.latent_noise * item[:frames].std(0, unbiased=False) * noise
        return replace(latents, values=values)
