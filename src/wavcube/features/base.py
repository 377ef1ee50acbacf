"""The interface that every representation has for those who consume it."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.errors import AudioError
from wavcube.framing import SAMPLE_RATE


class FeatureExtractor(ABC):
    """Waveform -> frames. Frozen: no gradients, no randomness.

    Attributes:
        name: what tables call it.
        dim: channels C of a frame.
        layers: 1, or L where every hidden state is given for a learned weighted sum.
        frame_rate: frames a second, in Hz.
        shortest: samples below which a recording gives no frame.
        fingerprint: names these frames; equal for feature extractors that give the same frames. The key of caches.
    """

    name: str
    dim: int
    layers: int = 1
    frame_rate: float
    shortest: int
    fingerprint: str
    sample_rate: int = SAMPLE_RATE

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Frames of a recording of so many samples."""

    @abstractmethod
    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, T, C] or [B, L, T, C] of a padded batch, each item as if it were alone, and valid frames [B].

        T may be more than the most that are valid, and what lies beyond an item's end anything.
        """

    @torch.no_grad()
    def __call__(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Frames of a padded batch; every item gets what it gets alone.

        Args:
            waveform: [B, S] at 16 kHz, full scale [-1, 1].
            lengths: [B], valid samples; None when all are.

        Returns:
            Values [B, T, C] (or [B, L, T, C]), zeros beyond an item's end, and valid frames [B], on one device.

        Raises:
            AudioError: an item is too short for one frame.
        """
        if lengths is None:
            lengths = torch.full((len(waveform),), waveform.shape[1])
        if int(lengths.min()) < self.shortest:
            raise AudioError(
                f"a recording has {int(lengths.min())} samples at {self.sample_rate} Hz; {self.name} needs at least "
                f"{self.shortest} ({1000 * self.shortest / self.sample_rate:g} ms)"
            )
        values, frames = self._compute(waveform, lengths)
        frames = frames.to(values.device)
        values = values[..., : int(frames.max()), :]
        mask = length_mask(frames, values.shape[-2])
        if self.layers > 1:  # [B, L, T, C] as [B, T, L, C], and back
            return zero_beyond(values.transpose(1, 2), mask).transpose(1, 2), frames
        return zero_beyond(values, mask), frames


def latents_fingerprint(identity: str) -> str:
    """The fingerprint of a feature extractor that gives the latents of a latent space."""
    return f"wavcube-latents-{identity}"
