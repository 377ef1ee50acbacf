"""Log-mel spectrograms: the mel loss's, and the pictures' of validation."""

import torch
from torch import Tensor, nn

from wavcube.framing import SAMPLE_RATE


def hertz_to_mel(frequency: Tensor) -> Tensor:
    """HTK mel scale: 2595 log10(1 + f / 700)."""
    return 2595.0 * torch.log10(1.0 + frequency / 700.0)


def mel_to_hertz(mel: Tensor) -> Tensor:
    """Inverse of `hertz_to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_filterbank(sample_rate: int, n_fft: int, bins: int) -> Tensor:
    """Triangular filters of peak 1, evenly spaced on the HTK mel scale from 0 Hz to half the rate: [n_fft/2 + 1, bins].

    Agrees with torchaudio's `melscale_fbanks(norm=None, mel_scale="htk")`, in float32 as there: models are trained on
    these filters, which differ from those of `audio.mel` by up to 1e-5.
    """
    frequency = torch.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)
    top = float(hertz_to_mel(torch.tensor(sample_rate / 2)))
    corners = mel_to_hertz(torch.linspace(0.0, top, bins + 2))
    rising = (frequency[:, None] - corners[None, :-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[None, 2:] - frequency[:, None]) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp_min(0.0)


N_FFT, HOP, BINS, FLOOR = 1024, 256, 100, 1e-7
"""Of the published mel loss, at 16 kHz: Hann windows and hop in samples, least magnitude."""


class LogMel(nn.Module):
    """Waveform [B, S] at 16 kHz -> natural log of the mel magnitudes [B, 100, S // 256 + 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.window: Tensor
        self.filters: Tensor
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filters", mel_filterbank(SAMPLE_RATE, N_FFT, BINS), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        spectrum = torch.stft(waveform, N_FFT, HOP, window=self.window, return_complex=True)
        return torch.einsum("bft,fm->bmt", spectrum.abs(), self.filters).clamp_min(FLOOR).log()
