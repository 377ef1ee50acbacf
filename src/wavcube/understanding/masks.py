"""Masks on the short-time spectrum of a mixture: targets, loss, and the sound that they leave (SUPERB-SG)."""

from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor

N_FFT = 512
"""Size of the Fourier transform and of its Hann window, in samples at 16 kHz."""

BINS = N_FFT // 2 + 1


def spectrum(waveform: Tensor, hop: int) -> Tensor:
    """Complex spectrum [..., T, BINS] of waveforms [..., S]: frame t lies around sample t * hop, T = S // hop + 1."""
    flat = waveform.reshape(-1, waveform.shape[-1])
    window = torch.hann_window(N_FFT, device=waveform.device)
    found = torch.stft(flat, N_FFT, hop, window=window, pad_mode="constant", return_complex=True)
    return found.transpose(1, 2).reshape(*waveform.shape[:-1], -1, BINS)


def phase_sensitive(mixture: Tensor, sources: Tensor) -> Tensor:
    """The magnitude of each source along the phase of the mixture, where positive: spectra [..., T, BINS] to the same.

    The non-negative phase-sensitive target: max(|s| cos(angle between s and the mixture), 0).
    """
    along = (sources * mixture.conj()).real
    return (along / mixture.abs().clamp_min(1e-8)).clamp_min(0.0)


def mask_loss(masks: Tensor, mixture: Tensor, sources: Tensor) -> Tensor:
    """Mean squared error of masked magnitudes, under the better order of the sources; a scalar.

    Args:
        masks: [N, T, BINS], not negative.
        mixture: spectrum [T, BINS].
        sources: spectra [N, T, BINS].
    """
    targets, masked = phase_sensitive(mixture, sources), masks * mixture.abs()
    orders = [list(order) for order in permutations(range(len(masks)))]
    return torch.stack([(masked[order] - targets).square().mean() for order in orders]).amin()


def masked_waveforms(masks: Tensor, waveform: Tensor, hop: int) -> Tensor:
    """Waveforms [N, S] that masks [N, T, BINS] leave of a mixture [S], in its phase.

    Where the spectrum has more frames than the masks, the last one is repeated.
    """
    samples = waveform.shape[-1]
    mixture = spectrum(F.pad(waveform, (0, N_FFT)), hop)  # the last frames reach over the end
    missing = len(mixture) - masks.shape[1]
    if missing > 0:
        masks = torch.cat([masks, masks[:, -1:].expand(-1, missing, -1)], 1)
    window = torch.hann_window(N_FFT, device=waveform.device)
    masked = (masks[:, : len(mixture)] * mixture).transpose(1, 2)
    return torch.istft(masked, N_FFT, hop, window=window, length=samples)
