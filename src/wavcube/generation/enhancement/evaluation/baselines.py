"""A plain way to take noise off, as a measure of what is easy."""

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.generation.regression.masks import spectrum as spectrum_of
from wavcube.generation.regression.masks import waveform_of

NOISE_QUANTILE, NOISE_FACTOR = 0.1, 4.0
"""The noise in a band is taken to be so many times this quantile of its power over time (of exponentially distributed
power, the mean is nine times its 10 % quantile; fewer, as smoothing narrows the distribution)."""

FLOOR = 0.1
"""The lowest gain (-20 dB)."""


def wiener(noisy: Tensor) -> Tensor:
    """A Wiener filter on [S] whose noise is what a band has in its quietest tenth of the time: steady noise only."""
    spectrum = spectrum_of(noisy)
    power = spectrum.abs().square()
    smooth = F.avg_pool1d(power[:, None], 5, 1, 2, count_include_pad=False)[:, 0]
    noise = NOISE_FACTOR * torch.quantile(smooth, NOISE_QUANTILE, -1, keepdim=True)
    gain = (1 - noise / smooth.clamp_min(1e-12)).clamp_min(FLOOR)
    return waveform_of(gain * spectrum, len(noisy))
