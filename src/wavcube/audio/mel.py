"""Mel filters: from the bins of a spectrum to bands that are evenly spaced as pitches are perceived."""

from functools import cache
from typing import Literal

import numpy as np

Scale = Literal["htk", "slaney"]
"""HTK: 2595 log10(1 + f / 700). Slaney: linear up to 1 kHz (15 mels), 27 steps to a factor of 6.4 above it."""


@cache
def mel_filters(size: int, bands: int, sample_rate: int, scale: Scale = "slaney") -> np.ndarray:
    """Triangular filters [size // 2 + 1, bands], float64, 0 Hz to half the rate, for spectra of frames of `size`.

    On the Slaney scale of equal area: librosa's `filters.mel`, whose import takes seconds in every worker process. On
    the HTK scale of peak 1: `mel_filter_bank(norm=None, mel_scale="htk")` of transformers, which has no odd sizes.
    """
    if scale == "htk":
        top = 2595.0 * np.log10(1.0 + sample_rate / 2 / 700.0)
        corners = 700.0 * (10.0 ** (np.linspace(0.0, top, bands + 2) / 2595.0) - 1.0)
    else:
        step, knee, log_step = 200 / 3, 1000.0, np.log(6.4) / 27
        mels = np.linspace(0.0, knee / step + np.log(sample_rate / 2 / knee) / log_step, bands + 2)
        corners = np.where(mels < knee / step, mels * step, knee * np.exp(log_step * (mels - knee / step)))
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)[:, None]
    rising = (frequency - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequency) / (corners[2:] - corners[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0.0)
    filters = triangles if scale == "htk" else triangles * 2 / (corners[2:] - corners[:-2])
    filters.flags.writeable = False
    return filters
