"""Baselines that put a number in proportion: nothing lost, the upper band lost, the phase lost."""

from collections.abc import Sequence

import numpy as np

from wavcube.audio.io import as_mono
from wavcube.audio.mel import mel_filters
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System


class Identity(System):
    """The original itself: the ceiling of every metric, and the score of natural speech by those without reference."""

    name = "identity"
    fingerprint = "identity"
    title = "the original itself"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return list(originals)


class Resampled(System):
    """Down to 8 kHz and back: everything above 4 kHz is lost."""

    name = "resample-8k"
    fingerprint = "resample 8000 soxr HQ"
    title = "resampled through 8 kHz"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [
            Recording(as_mono(original.at(8_000), 8_000, original.sample_rate), original.sample_rate, original.name)
            for original in originals
        ]


class GriffinLim(System):
    """80-band mel spectrogram at 62.5 frames a second, inverted by Griffin and Lim's iteration.

    Bands are spread back over the spectrum by the pseudo-inverse; then fast Griffin-Lim (Perraudin et al., WASPAA
    2013) with momentum 0.99, 32 iterations, from random phases of a fixed seed.
    """

    name = "griffin-lim"
    title = "80-band mel spectrogram + Griffin-Lim"
    size, hop, bands, iterations, momentum = 1024, 256, 80, 32, 0.99
    fingerprint = f"griffin-lim {size} {hop} {bands} {iterations} {momentum}"

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [Recording(self._invert(o.at(EVALUATION_RATE)), EVALUATION_RATE, o.name) for o in originals]

    def _invert(self, waveform: np.ndarray) -> np.ndarray:
        import torch
        from torch import Tensor

        from wavcube.audio.griffin_lim import griffin_lim

        window = torch.hann_window(self.size, device=self.device)
        bank = mel_filters(self.size, self.bands, EVALUATION_RATE)
        filters = torch.tensor(bank, dtype=torch.float32, device=self.device)

        def analyse(signal: Tensor) -> Tensor:
            return torch.stft(signal, self.size, self.hop, window=window, pad_mode="constant", return_complex=True)

        def synthesise(spectrum: Tensor) -> Tensor:
            return torch.istft(spectrum, self.size, self.hop, window=window, length=len(waveform))

        mel = filters.T @ analyse(torch.from_numpy(waveform).to(self.device)).abs()
        magnitude = (torch.linalg.pinv(filters.T) @ mel).clamp_min(0)
        made = griffin_lim(magnitude, analyse, synthesise, iterations=self.iterations, momentum=self.momentum)
        return made.cpu().numpy()
