"""The classical feature extractors: log-mel, MFCC, and SUPERB's FBANK baseline, 100 frames a second."""

import math

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.audio.mel import mel_filters
from wavcube.features.base import FeatureExtractor

WINDOW, HOP, N_FFT = 400, 160, 512
"""Samples at 16 kHz: 25 ms and 10 ms."""

FLOOR = 1e-6
"""Added to the power before the logarithm, about what 16-bit quantisation noise has in a mel band."""


class LogMel(FeatureExtractor):
    """Logarithm of the power in mel bands (HTK scale, 0 to 8 kHz) under a Hann window of 25 ms, every 10 ms."""

    def __init__(self, bands: int = 80, device: str | torch.device = "cpu") -> None:
        filters = mel_filters(N_FFT, bands, self.sample_rate, "htk")
        self.filters = torch.tensor(filters, dtype=torch.float32, device=device)
        self.window = torch.hann_window(WINDOW, device=device)
        self.name, self.dim, self.frame_rate, self.shortest = "log-mel", bands, self.sample_rate / HOP, WINDOW
        self.fingerprint = f"logmel-{bands}-{WINDOW}-{HOP}-1"

    def frames(self, samples: int) -> int:
        return (samples - WINDOW) // HOP + 1

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        # Frames lie wholly inside the waveform, so that padding is never seen.
        pieces = waveform.to(self.window.device).unfold(1, WINDOW, HOP) * self.window
        power = torch.fft.rfft(pieces, N_FFT).abs().square()
        return (power @ self.filters + FLOOR).log(), (lengths - WINDOW) // HOP + 1


class Fbank(LogMel):
    """SUPERB's FBANK baseline: log-mel with first and second differences, normalised per recording, [.., 240]."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        super().__init__(80, device)
        self.name, self.dim, self.fingerprint = "FBANK", 240, f"fbank-{self.fingerprint}"

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        static, frames = super()._compute(waveform, lengths)
        items = [standardise(with_differences(item[:n])) for item, n in zip(static, frames.tolist(), strict=True)]
        return pad_sequence(items, batch_first=True), frames


class Mfcc(LogMel):
    """Thirteen cepstral coefficients of 40 mel bands with first and second differences, [.., 39]."""

    COEFFICIENTS = 13

    def __init__(self, device: str | torch.device = "cpu") -> None:
        bands = 40
        super().__init__(bands, device)
        self.name, self.dim, self.fingerprint = "MFCC", 3 * self.COEFFICIENTS, f"mfcc-{self.fingerprint}"
        # Orthonormal DCT-II.
        k, n = torch.arange(self.COEFFICIENTS, device=device), torch.arange(bands, device=device)
        self.dct = torch.cos(math.pi / bands * (n[:, None] + 0.5) * k) * math.sqrt(2.0 / bands)
        self.dct[:, 0] /= math.sqrt(2.0)

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        static, frames = super()._compute(waveform, lengths)
        items = [with_differences(item[:n]) for item, n in zip(static @ self.dct, frames.tolist(), strict=True)]
        return pad_sequence(items, batch_first=True), frames


def with_differences(values: Tensor) -> Tensor:
    """[T, C] -> [T, 3 C]: the values, their slope over five frames, and the slope of that; the ends are repeated."""
    first = _slope(values)
    return torch.cat([values, first, _slope(first)], 1)


def _slope(values: Tensor) -> Tensor:
    """Least-squares slope over frames t - 2 to t + 2 (HTK's regression formula)."""
    padded = torch.cat([values[:1], values[:1], values, values[-1:], values[-1:]])
    t = len(values)
    return (padded[3 : 3 + t] - padded[1 : 1 + t] + 2 * (padded[4 : 4 + t] - padded[:t])) / 10


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit variance of each channel of [T, C] over time."""
    return (values - values.mean(0)) / (values.std(0, correction=0) + 1e-10)
