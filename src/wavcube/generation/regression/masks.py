"""Gains on the spectrum of a mixture: of what a model made, and the best that there are."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.generation.regression.spans import Span, spans

N_FFT, HOP = 512, 128
"""Of the short-time spectrum, in samples at 16 kHz."""

BINS, FRAMES = 5, 9
"""Powers are averaged, as harmonics and phases differ in detail: of a noisy recording over so many bins, of
two talkers over so many frames. Over 5 bins and 5 frames, noise stays around words: 13 held-out noisy recordings then
have a DNSMOS of 2.37 instead of 2.59 and a speaker similarity of 0.823 instead of 0.835; and masks of two talkers' true
latents have 8.9 dB instead of 11.6 (5 frames alone)."""

SHARING_POWER = 0.6
"""Of two talkers' powers, by which a mixture is shared out: what a model gives is uncertain, and shares between the two
cost less where it is wrong. With 9 frames, 32 mixtures of held-out voices have 0.13 dB more than with 0.75 and 5."""

LOWEST_GAIN = 0.03
"""-30 dB; where nothing is left at all, the ear notices the holes."""

FINGERPRINT = f"masks {N_FFT} {HOP} {BINS} {FRAMES} {SHARING_POWER} {LOWEST_GAIN}"
"""Results of other masks than these are not results of the same system."""

BLOCK, CONTEXT = 7500 * HOP, 8 * HOP
"""Samples that are masked at once (60 s), and so many more at both sides, beyond which nothing changes a sample."""


def spectrum(waveform: Tensor) -> Tensor:
    """Complex spectrum [bins, frames] of a waveform [S]."""
    window = torch.hann_window(N_FFT)
    return torch.stft(F.pad(waveform, (0, N_FFT)), N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)


def waveform_of(spectrum: Tensor, samples: int) -> Tensor:
    """Waveform [S] of a spectrum."""
    return torch.istft(spectrum, N_FFT, HOP, window=torch.hann_window(N_FFT), length=samples)


def masked(noisy: Tensor, cleaned: Tensor) -> Tensor:
    """The noisy waveform [S] with the magnitudes of the cleaned one [S], where those are lower; the phase is kept.

    The result is written over the cleaned waveform.
    """
    return in_blocks(_masked, noisy, cleaned)


def _masked(noisy: Tensor, cleaned: Tensor) -> Tensor:
    mixture = spectrum(noisy)
    power = [_smooth(one.abs().square(), BINS, 1) for one in (spectrum(cleaned), mixture)]
    gain = (power[0] / power[1].clamp_min(1e-10)).sqrt().clamp(LOWEST_GAIN, 1.0)
    return waveform_of(gain * mixture, len(noisy))


def _smooth(power: Tensor, bins: int, frames: int) -> Tensor:
    """Averages of power over so many bins and frames, both odd."""
    pooled = F.avg_pool2d(power[None, None], (bins, frames), 1, (bins // 2, frames // 2), count_include_pad=False)
    return pooled[0, 0]


def oracle_mask(mixture: Tensor, source: Tensor) -> Tensor:
    """The best that a mask from 0 to 1 on the spectrum can do on [S]: the phase-sensitive one, of the truth."""
    mixed, alone = spectrum(mixture), spectrum(source)
    mask = (alone * mixed.conj()).real / mixed.abs().square().clamp_min(1e-12)
    return waveform_of(mask.clamp(0, 1) * mixed, len(mixture))


def shared(mixture: Tensor, sources: Tensor) -> Tensor:
    """A mixture [S] shared out by the powers of two waveforms [2, S]: gains that add up to 1, the mixture's phase.

    The result is written over the two waveforms.
    """
    return in_blocks(_shared, mixture, sources)


def _shared(mixture: Tensor, sources: Tensor) -> Tensor:
    mixed = spectrum(mixture)
    power = torch.stack([_smooth(spectrum(source).abs().square(), 1, FRAMES) for source in sources])
    power = (power + 1e-10) ** SHARING_POWER
    return torch.stack([waveform_of(gain * mixed, len(mixture)) for gain in power / power.sum(0)])


def in_blocks(function: Callable[[Tensor, Tensor], Tensor], mixture: Tensor, made: Tensor) -> Tensor:
    """What `function` makes of a mixture [S] and of `made` [..., S], written over `made`, in the memory of a block."""
    waiting: tuple[Span, Tensor] | None = None
    for span in spans(mixture.shape[-1], BLOCK, CONTEXT):
        block = function(mixture[span.first : span.last], made[..., span.first : span.last])[..., span.kept]
        if waiting is not None:  # written once the block after it has seen what was there
            _write(made, *waiting)
        waiting = span, block
    if waiting is not None:
        _write(made, *waiting)
    return made


def _write(made: Tensor, span: Span, block: Tensor) -> None:
    made[..., span.start : span.end] = block
