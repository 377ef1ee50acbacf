"""Pitch of a waveform: log-F0 and voicing of every 10 ms, as features of the encoder.

A small network reads the normalised autocorrelation of 50 ms (of the whole band, and below 1 kHz) on a logarithmic
grid of lags, together with the log-mel. Its grid has steps of 24 cents; the local mean around the best one is finer.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.blocks.precision import without_autocast
from wavcube.codec.source_filter.convnext import ConvNeXtBlock
from wavcube.framing import SAMPLE_RATE

HOP, WINDOW, N_FFT = 160, 800, 2048
LOWEST, HIGHEST, STEPS = 58.0, 530.0, 160
"""Range of F0 in Hz, and steps of the grid."""

NEAR = 3
"""Steps to both sides of the best one that its F0 is a mean of."""

FILL_REACH, FILL_DECAY = 30, 6.0
"""Frames from which an unvoiced one takes its F0, and the distance at which their weight is 1 / e."""

REFERENCE = 160.0
"""Hz; a usual F0, relative to which F0 is given. Half precision has digits enough for the logarithm of the ratio."""

REFERENCE_WEIGHT = 0.02
"""Weight of the reference where an unvoiced frame takes its F0 from others."""


class PitchTracker(nn.Module):
    """Waveform [B, S] and log-mel [B, 2 T, bins] -> log of F0 over 160 Hz and probability of voicing, [B, 2 T, 2].

    An unvoiced frame has the F0 of voiced ones nearby.
    """

    def __init__(self, mel_bins: int, width: int, layers: int) -> None:
        super().__init__()
        self.input = nn.Linear(2 * STEPS + mel_bins, width)
        self.blocks = nn.ModuleList(ConvNeXtBlock(width, 2 * width) for _ in range(layers))
        self.output = nn.Linear(width, STEPS + 1)
        self.direct = nn.Parameter(torch.tensor([4.0, 2.0]))  # weights of both autocorrelations

    def forward(self, waveform: Tensor, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [B]: valid frames of 10 ms; the waveform has to be zero beyond an item's end."""
        scores, voicing = self.scores(waveform, mel, lengths)
        voicing = voicing.sigmoid()
        mask = length_mask(lengths, mel.shape[1])
        return torch.stack([_filled(read_f0(scores), voicing, mask), voicing], dim=-1)

    def scores(self, waveform: Tensor, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores of every F0 of the grid [B, 2 T, STEPS], before a softmax, and logit of voicing [B, 2 T]; float32."""
        mask = length_mask(lengths, mel.shape[1])
        salience = autocorrelation(waveform, mel.shape[1])
        dtype = self.direct.dtype
        hidden = self.input(torch.cat([salience, mel], dim=-1).to(dtype))
        for block in self.blocks:
            hidden = block(zero_beyond(hidden, mask))
        output = self.output(hidden).float()
        first, second = salience.chunk(2, dim=-1)
        scores = output[..., :STEPS] + self.direct[0].float() * first + self.direct[1].float() * second
        return scores, output[..., STEPS]


def autocorrelation(waveform: Tensor, frames: int) -> Tensor:
    """Normalised autocorrelation [B, frames, 2 * STEPS] of windows around multiples of 10 ms, float32.

    The window's own autocorrelation is divided out, so that a steady tone gives one at its period (and at multiples).
    """
    window, cosines, low, weights, own = _tables(waveform.device)
    with without_autocast(waveform.device):
        windows = F.pad(waveform.float(), (WINDOW // 2, WINDOW // 2)).unfold(1, WINDOW, HOP)[:, :frames]
        spectrum = torch.fft.rfft((windows - windows.mean(-1, keepdim=True)) * window, N_FFT)
        power = spectrum.real.square() + spectrum.imag.square()
        bands = (power, power * low)
        parts = [(band @ cosines) / (band @ weights + 1e-5)[..., None] / own for band in bands]
        return torch.cat(parts, dim=-1)


@functools.cache
def f0_grid(device: torch.device) -> Tensor:
    """Log of the steps' F0 over the reference, [STEPS]."""
    with torch.inference_mode(False), torch.device("cpu"):
        return torch.linspace(math.log(LOWEST / REFERENCE), math.log(HIGHEST / REFERENCE), STEPS).to(device)


@functools.cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Window, cosines [bins, STEPS] from power to autocorrelation, low-pass, weights of lag 0, the window's own."""
    with torch.inference_mode(False), torch.device("cpu"):
        window = torch.hann_window(WINDOW)
        frequency = torch.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
        weights = torch.full((len(frequency),), 2.0 / N_FFT)
        weights[0] = weights[-1] = 1.0 / N_FFT
        cosines = (
            torch.cos(2 * math.pi * frequency[:, None] / (REFERENCE * f0_grid(torch.device("cpu")).exp()))
            * weights[:, None]
        )
        low = torch.sigmoid((900 - frequency) / 50)
        power = torch.fft.rfft(window, N_FFT).abs().square()
        own = (power @ cosines) / (power @ weights)
        return tuple(table.to(device) for table in (window, cosines, low, weights, own))  # type: ignore[return-value]


def read_f0(scores: Tensor) -> Tensor:
    """Log-F0 [B, F] of scores [B, F, STEPS]: the mean of the steps next to the best one, by the softmax of scores."""
    nearby = scores.argmax(-1, keepdim=True) + torch.arange(-NEAR, NEAR + 1, device=scores.device)
    nearby = nearby.clamp(0, STEPS - 1)
    return (scores.gather(-1, nearby).softmax(-1) * f0_grid(scores.device)[nearby]).sum(-1)


def _filled(log_f0: Tensor, voicing: Tensor, mask: Tensor | None) -> Tensor:
    """Log-F0 [B, F] that goes over into that of voiced frames nearby where a frame is not voiced itself."""
    distance = torch.arange(-FILL_REACH, FILL_REACH + 1, device=log_f0.device).abs()
    kernel = torch.exp(-distance / FILL_DECAY)[None, None]
    weight = voicing if mask is None else voicing.masked_fill(~mask, 0.0)
    total = F.conv1d((weight * log_f0)[:, None], kernel, padding=FILL_REACH)[:, 0]
    share = F.conv1d(weight[:, None], kernel, padding=FILL_REACH)[:, 0] + REFERENCE_WEIGHT
    return voicing * log_f0 + (1 - voicing) * total / share
