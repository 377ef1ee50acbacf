"""Mel filters: from the bins of a spectrum to bands that are evenly spaced as pitches are perceived."""

from functools import cache
from typing import Literal

import numpy as np

Scale = Literal["htk", "slaney", "kaldi"]
"""HTK: 2595 log10(1 + f / 700). Slaney: linear up to 1 kHz (15 mels), 27 steps to a factor of 6.4 above it. Kaldi:
1127 ln(1 + f / 700), on which its triangles have straight sides; those of the others have them over Hz."""


@cache
def mel_filters(
    size: int, bands: int, sample_rate: int, scale: Scale = "slaney", lowest: float = 0.0, highest: float | None = None
) -> np.ndarray:
    """Triangular filters [size // 2 + 1, bands], float64, of `lowest` to `highest` Hz, for frames of `size`; without a
    highest frequency, up to half the rate.

    On the Slaney scale of equal area: librosa's `filters.mel`, whose import takes seconds in every worker process. On
    the HTK scale of peak 1: `mel_filter_bank(norm=None, mel_scale="htk")` of transformers, which has no odd sizes. On
    Kaldi's of peak 1 too: what transformers gives for `mel_scale="kaldi"` and `triangularize_in_mel_space`.
    """
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)[:, None]
    bottom, top = _mels(np.array([lowest, highest or sample_rate / 2]), scale).tolist()
    corners = np.linspace(bottom, top, bands + 2)
    if scale == "kaldi":
        frequency = _mels(frequency, scale)
    else:
        corners = _hertz(corners, scale)
    rising = (frequency - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequency) / (corners[2:] - corners[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0.0)
    filters = triangles * 2 / (corners[2:] - corners[:-2]) if scale == "slaney" else triangles
    filters.flags.writeable = False
    return filters


STEP, KNEE, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
"""Of the Slaney scale: Hz to a mel below the knee, the knee in Hz, and the logarithm of a mel's factor above it."""


def _mels(hertz: np.ndarray, scale: Scale) -> np.ndarray:
    if scale == "kaldi":
        return 1127.0 * np.log(1.0 + hertz / 700.0)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hertz / 700.0)
    return np.where(hertz < KNEE, hertz / STEP, KNEE / STEP + np.log(np.maximum(hertz, KNEE) / KNEE) / LOG_STEP)


def _hertz(mels: np.ndarray, scale: Scale) -> np.ndarray:
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    return np.where(mels < KNEE / STEP, mels * STEP, KNEE * np.exp(LOG_STEP * (mels - KNEE / STEP)))
