"""A gain on the noisy spectrum, from how loud the cleaned speech is in each band and moment."""

import torch
import torch.nn.functional as F
from torch import Tensor

N_FFT, HOP = 512, 128
"""Of the short-time spectrum, in samples at 16 kHz."""

SMOOTHED = 5
"""Powers are averaged over so many bins and frames, as the two signals' harmonics and phases differ in detail."""

LOWEST_GAIN = 0.03
"""-30 dB; where nothing is left at all, the ear notices the holes."""


def spectrum(waveform: Tensor) -> Tensor:
    """Complex spectrum [bins, frames] of a waveform [S]."""
    window = torch.hann_window(N_FFT)
    return torch.stft(F.pad(waveform, (0, N_FFT)), N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)


def waveform_of(spectrum: Tensor, samples: int) -> Tensor:
    """Waveform [S] of a spectrum."""
    return torch.istft(spectrum, N_FFT, HOP, window=torch.hann_window(N_FFT), length=samples)


def masked(noisy: Tensor, cleaned: Tensor) -> Tensor:
    """The noisy waveform [S] with the magnitudes of the cleaned one [S], where those are lower; the phase is kept."""
    mixture = spectrum(noisy)
    power = [_smooth(one.abs().square()) for one in (spectrum(cleaned), mixture)]
    gain = (power[0] / power[1].clamp_min(1e-10)).sqrt().clamp(LOWEST_GAIN, 1.0)
    return waveform_of(gain * mixture, len(noisy))


def _smooth(power: Tensor) -> Tensor:
    pooled = F.avg_pool2d(power[None, None], SMOOTHED, 1, SMOOTHED // 2, count_include_pad=False)
    return pooled[0, 0]
