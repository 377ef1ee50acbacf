"""The log-mel that a conversion decoder gives, as SUPERB-SG has it, and its sound by Griffin-Lim."""

import numpy as np
import torch
from torch import Tensor

from wavcube.audio.griffin_lim import griffin_lim
from wavcube.audio.mel import mel_filters

RATE = 24_000
"""Of the sound, in Hz."""

N_FFT, HOP, BANDS, LOWEST, HIGHEST = 1024, 256, 80, 80.0, 7600.0
"""Transform and hop in samples; mel bands, and their range in Hz."""

FLOOR = 1e-10
"""Least magnitude of a band."""

ITERATIONS = 64
"""Of Griffin-Lim, as many as SUPERB-SG's previews have."""


def log_mel(waveform: np.ndarray) -> Tensor:
    """Waveform [S] at 24 kHz -> base-10 logarithm of its mel magnitudes [S // 256 + 1, 80]."""
    return (_analyse(torch.from_numpy(waveform)).abs().T @ _filters()).clamp_min(FLOOR).log10()


def sound(values: Tensor) -> np.ndarray:
    """Log-mel [T, 80] -> waveform [(T - 1) * 256] at 24 kHz, float32; at least one hop.

    Bands are spread back over the spectrum by the pseudo-inverse; phases are Griffin-Lim's, from a fixed seed.
    """
    mel = 10.0 ** values.float().cpu()
    magnitude = (mel @ torch.linalg.pinv(_filters())).clamp_min(FLOOR).T
    samples = max(1, len(mel) - 1) * HOP

    def synthesise(spectrum: Tensor) -> Tensor:
        return torch.istft(spectrum, N_FFT, HOP, window=torch.hann_window(N_FFT), length=samples)

    if len(mel) == 1:  # one frame lies on a hop's first sample: the next one is taken to be like it
        magnitude = magnitude.expand(-1, 2)
    return griffin_lim(magnitude, _analyse, synthesise, iterations=ITERATIONS).numpy()


def _analyse(waveform: Tensor) -> Tensor:
    """Complex spectrum [513, S // 256 + 1]."""
    window = torch.hann_window(N_FFT)
    return torch.stft(waveform, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)


def _filters() -> Tensor:
    """[513, 80]."""
    return torch.tensor(mel_filters(N_FFT, BANDS, RATE, "slaney", LOWEST, HIGHEST), dtype=torch.float32)
