"""The terms of the objectives. Every one is zero where its two signals agree."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.audio.spectrogram import LogMel
from wavcube.codec.blocks.masking import widened
from wavcube.framing import SAMPLE_RATE
from wavcube.training.discriminators import DiscriminatorOutput


def semantic_loss(estimate: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared error + (1 - mean cosine similarity over frames) between features [B, T, H].

    `mask` [B, T] is true on the frames that count; None when all do.
    """
    estimate, target = widened(estimate), widened(target)
    error = (estimate - target).square().mean(dim=-1)
    cosine = F.cosine_similarity(estimate, target, dim=-1)
    if mask is not None:
        error, cosine = error[mask], cosine[mask]
    return error.mean() + (1.0 - cosine.mean())


def pitch_loss(estimate: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """L1 of log-F0 where the target is voiced, and binary cross-entropy of voicing.

    Args:
        estimate: [B, F, 2], log-F0 and logit of voicing.
        target: [B, F, 2], log-F0 and probability of voicing.
        mask: [B, F], true on the frames that count; None when all do.
    """
    estimate, target = widened(estimate), widened(target)
    if mask is not None:
        estimate, target = estimate[mask], target[mask]
    voiced = (target[..., 1] > 0.5).to(target.dtype)
    distance = ((estimate[..., 0] - target[..., 0]).abs() * voiced).sum() / voiced.sum().clamp_min(1)
    return distance + F.binary_cross_entropy_with_logits(estimate[..., 1], voiced)


def discriminator_loss(real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput]) -> Tensor:
    """Hinge loss of one family: max(0, 1 - D(real)) + max(0, 1 + D(fake)), averaged over its members."""
    pairs = zip(real, fake, strict=True)
    terms = [(1 - r.logits.float()).clamp_min(0).mean() + (1 + f.logits.float()).clamp_min(0).mean() for r, f in pairs]
    return torch.stack(terms).mean()


def adversarial_loss(fake: list[DiscriminatorOutput]) -> Tensor:
    """The generator's side of the hinge loss: max(0, 1 - D(fake)), averaged over a family's members."""
    return torch.stack([(1 - output.logits.float()).clamp_min(0).mean() for output in fake]).mean()


def feature_matching_loss(real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput]) -> Tensor:
    """L1 distance of the feature maps, summed over a member's maps and averaged over a family's members."""
    terms = []
    for a, b in zip(real, fake, strict=True):
        pairs = zip(a.feature_maps, b.feature_maps, strict=True)
        terms.append(torch.stack([F.l1_loss(g.float(), r.float()) for r, g in pairs]).sum())
    return torch.stack(terms).mean()


class MelLoss(nn.Module):
    """L1 distance of log-mel spectrograms of two waveforms [B, S]."""

    def __init__(self) -> None:
        super().__init__()
        self.log_mel = LogMel()

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(self.log_mel(estimate), self.log_mel(target))


class EnvelopeLoss(nn.Module):
    """One minus the correlation of envelopes of two waveforms [B, S], in third-octave bands over 0.38 s.

    It follows the intelligibility measure STOI (Taal et al., 2011, IEEE TASLP 19) at 16 kHz and without its clipping;
    segments 35 dB and more below a waveform's loudest frame count as silence and do not count.
    """

    N_FFT, WINDOW, HOP = 512, 410, 205
    SEGMENT, STEP = 30, 6
    BANDS, LOWEST = 15, 150.0
    SILENCE = 10**-3.5

    def __init__(self) -> None:
        super().__init__()
        frequency = torch.arange(self.N_FFT // 2 + 1)[:, None] * (SAMPLE_RATE / self.N_FFT)
        centre = self.LOWEST * 2 ** (torch.arange(self.BANDS) / 3)
        bands = (frequency >= centre * 2 ** (-1 / 6)) & (frequency < centre * 2 ** (1 / 6))
        self.bands: Tensor
        self.window: Tensor
        self.register_buffer("bands", bands.float(), persistent=False)
        self.register_buffer("window", torch.hann_window(self.WINDOW), persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        decoded, true = self._envelopes(estimate), self._envelopes(target)
        power = true.square().sum(-1)
        if power.shape[1] < self.SEGMENT:
            return estimate.new_zeros(())
        loudness = power.unfold(1, self.SEGMENT, self.STEP).mean(-1)
        counts = (loudness > self.SILENCE * power.amax(1, keepdim=True)).to(power.dtype)
        decoded, true = self._segments(decoded), self._segments(true)
        correlation = F.cosine_similarity(decoded, true, dim=-1)
        return ((1 - correlation).mean(-1) * counts).sum() / counts.sum().clamp_min(1)

    def _segments(self, envelopes: Tensor) -> Tensor:
        """[B, segments, BANDS, SEGMENT], each with a mean of zero over its time."""
        segments = envelopes.unfold(1, self.SEGMENT, self.STEP)
        return segments - segments.mean(-1, keepdim=True)

    def _envelopes(self, waveform: Tensor) -> Tensor:
        """[B, frames, BANDS]."""
        spectrum = torch.stft(waveform, self.N_FFT, self.HOP, self.WINDOW, self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return (power.transpose(1, 2) @ self.bands + 1e-8).sqrt()


class VoicedLoss(nn.Module):
    """Distance of the complex spectra of two waveforms [B, S]; the louder a bin, the less an error counts there."""

    WINDOWS = (1024, 256)
    QUIET = 0.05
    EXPONENT = 0.6

    def __init__(self) -> None:
        super().__init__()
        for size in self.WINDOWS:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """One distance an item, [B]."""
        distances = []
        for size in self.WINDOWS:
            window = self.get_buffer(f"window_{size}")
            difference, true = (
                torch.stft(waveform, size, size // 4, window=window, return_complex=True)
                for waveform in (estimate - target, target)
            )
            error, level = ((x.real.square() + x.imag.square() + 1e-6).sqrt() for x in (difference, true))
            distances.append((error * (level + self.QUIET) ** -self.EXPONENT).mean((1, 2)))
        return torch.stack(distances).mean(0)


class SpectrumLoss(nn.Module):
    """Distances of short-time spectra of two waveforms [B, S] at several window sizes (hop a quarter of each).

    `magnitude`: spectral convergence + L1 of log magnitudes (Parallel WaveGAN, 1910.11480, eqs. 4-6).
    `complex_`: L1 of real and imaginary parts relative to the target's mean magnitude; unlike magnitudes, it has
    a useful gradient for the phase from the first step on.
    """

    def __init__(self, windows: list[int]) -> None:
        super().__init__()
        self.sizes = windows
        for size in windows:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def _spectrum(self, waveform: Tensor, size: int) -> Tensor:
        window = self.get_buffer(f"window_{size}")
        return torch.stft(waveform, size, size // 4, window=window, center=True, return_complex=True)

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """(magnitude term, complex term), each averaged over the windows."""
        magnitude, complex_ = [], []
        for size in self.sizes:
            a, b = self._spectrum(estimate, size), self._spectrum(target, size)
            # Below the square root's floor its gradient would be infinite.
            size_a, size_b = ((x.real.square() + x.imag.square()).clamp_min(1e-10).sqrt() for x in (a, b))
            convergence = torch.linalg.vector_norm(size_b - size_a) / torch.linalg.vector_norm(size_b)
            magnitude.append(convergence + F.l1_loss(size_a.log(), size_b.log()))
            complex_.append(torch.view_as_real(a - b).abs().mean() / size_b.mean())
        return torch.stack(magnitude).mean(), torch.stack(complex_).mean()
