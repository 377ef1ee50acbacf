"""Pitch inside a latent: where a source-filter decoder reads F0 and voicing, and how another F0 is written there."""

import torch
from torch import Tensor

from wavcube.codec.model import WavCube
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.errors import ConfigError

LEAST_VOICED = 10
"""Voiced frames of 10 ms from which a median of F0 means something."""

LEAST_SCALE, MOST_SCALE = 0.67, 1.5
"""Factors by which the spread of F0 is changed at most."""


class PitchChannels:
    """F0 and voicing of latents [T, C], every 10 ms.

    The decoder takes both from the latent by a linear map (and corrects them a little). F0 is written by the smallest
    change of the latent that gives this map the new value and leaves voicing as it is.

    Args:
        model: with a source-filter decoder.

    Raises:
        ConfigError: its decoder reads no pitch from the latent.
    """

    def __init__(self, model: WavCube) -> None:
        if not isinstance(model.decoder, SourceFilterDecoder):
            raise ConfigError("this model's latents have no channels of pitch: its decoder is no source-filter decoder")
        # Copies on the CPU: latents come from any device, and not all have float64.
        weight, bias = (values.detach().cpu().float() for values in model.decoder.pitch.parameters())
        self._weight, self._bias = weight, bias  # [4, C], [4]
        self._inverse = torch.linalg.pinv(weight.double()).float()  # [C, 4]

    def read(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Log of F0 over 160 Hz [2 T], and which frames are voiced [2 T]."""
        weight, bias = self._weight.to(latents.device), self._bias.to(latents.device)
        pitch = (latents.float() @ weight.T + bias).unflatten(-1, (2, 2)).flatten(-3, -2)
        return pitch[..., 0], pitch[..., 1] > 0

    def write(self, latents: Tensor, log_f0: Tensor) -> Tensor:
        """Latents [T, C] whose log of F0 over 160 Hz is `log_f0` [2 T]; voicing stays."""
        change = (log_f0 - self.read(latents)[0]).unflatten(-1, (-1, 2))
        return latents + (change @ self._inverse[:, 0::2].T.to(change.device)).to(latents)

    def like(self, latents: Tensor, other: Tensor) -> Tensor:
        """Latents [T, C] with the median F0 of `other` [T', C] and about its spread, in semitones.

        Where either has next to no voiced frame they stay as they are.
        """
        log_f0 = self.in_range_of(latents, other)
        return latents if log_f0 is None else self.write(latents, log_f0)

    def in_range_of(self, latents: Tensor, other: Tensor) -> Tensor | None:
        """The log of F0 [2 T] that `like` writes; None where it changes nothing."""
        log_f0, voiced = self.read(latents)
        wanted, wanted_voiced = self.read(other)
        if min(int(voiced.sum()), int(wanted_voiced.sum())) < LEAST_VOICED:
            return None
        own, target = log_f0[voiced], wanted[wanted_voiced]
        scale = (target.std() / own.std().clamp_min(1e-3)).clamp(LEAST_SCALE, MOST_SCALE)
        return target.median() + scale * (log_f0 - own.median())

    def carry(self, latents: Tensor, other: Tensor) -> Tensor:
        """Latents [T, C] with F0 and voicing of `other` [T, C], frame by frame."""
        change = (other.float() - latents.float()) @ self._weight.T.to(latents.device)
        return latents + (change @ self._inverse.T.to(latents.device)).to(latents)
