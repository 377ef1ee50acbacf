"""Log-mel -> waveform without a trained vocoder, by Griffin-Lim.

Good enough to compare representations in small; its sound is rough.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.audio.griffin_lim import griffin_lim
from wavcube.features.spectral import FLOOR, HOP, N_FFT, WINDOW, LogMel


class GriffinLim:
    """Frames [T, bands] of a `LogMel` -> waveform [T * 160].

    Args:
        extractor: whose filters and window are undone.
        iterations: of the phase.
        momentum: 0 is the original algorithm.
        seed: of the first phase.
    """

    def __init__(self, extractor: LogMel, iterations: int = 60, momentum: float = 0.99, seed: int = 0) -> None:
        self.filters, self.window = extractor.filters, extractor.window
        self.iterations, self.momentum, self.seed = iterations, momentum, seed

    def __call__(self, frames: Tensor) -> Tensor:
        magnitude = self._spectrum(frames.to(self.filters.device, torch.float32))
        waveform = griffin_lim(
            magnitude, self._analyse, self._synthesise,
            iterations=self.iterations, momentum=self.momentum, seed=self.seed,
        )  # fmt: skip
        return F.pad(waveform, (0, len(frames) * HOP - len(waveform)))[: len(frames) * HOP]

    def _spectrum(self, log_mel: Tensor) -> Tensor:
        """Magnitude [T, N_FFT / 2 + 1] whose mel bands come near `log_mel`: least squares, then a few steps of
        multiplicative updates, which keep it from falling below zero."""
        mel = (log_mel.exp() - FLOOR).clamp_min(0)
        power = (mel @ torch.linalg.pinv(self.filters)).clamp_min(1e-10)
        for _ in range(20):
            power = power * (mel @ self.filters.T) / (power @ self.filters @ self.filters.T).clamp_min(1e-10)
        return power.sqrt()

    def _analyse(self, waveform: Tensor) -> Tensor:
        return torch.fft.rfft(waveform.unfold(0, WINDOW, HOP) * self.window, N_FFT)

    def _synthesise(self, spectrum: Tensor) -> Tensor:
        pieces = torch.fft.irfft(spectrum, N_FFT)[:, :WINDOW] * self.window
        samples = (len(pieces) - 1) * HOP + WINDOW

        def overlapped(values: Tensor) -> Tensor:
            return F.fold(values.T[None], (1, samples), (1, WINDOW), stride=(1, HOP))[0, 0, 0]

        weight = overlapped(self.window.square().expand(len(pieces), -1))
        return overlapped(pieces) / weight.clamp_min(1e-3)
