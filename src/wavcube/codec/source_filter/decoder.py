"""A source-filter decoder: latent [B, T, C] -> F0, voicing and filters -> waveform [B, 320 T].

The latent has no phase, and the decoder makes its own: a train of pulses in the rhythm of F0, filtered, and noise, also
filtered. Convolutional blocks at 50 Hz and 200 Hz give, every 5 ms, a complex filter of the pulses and a real one of
the noise. The noise is always the same at the same place, so that a waveform is a function of its latent.
"""

import functools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.blocks.precision import without_autocast
from wavcube.codec.config import BottleneckConfig, SourceFilterConfig
from wavcube.codec.source_filter.convnext import ConvNeXtBlock
from wavcube.codec.source_filter.pitch import REFERENCE
from wavcube.framing import SAMPLE_RATE

HOP = 80
"""Samples from one filter to the next."""

N_FFT, WINDOW = 480, 320
"""Samples of a filtered frame, of which the source fills the middle; the rest is room for the filter's response."""

PER_LATENT = 320 // HOP
"""Filters to a latent frame."""

PITCH_HOP = 160
"""Samples from one F0 to the next."""

LOWEST, HIGHEST = 55.0, 530.0
"""Hz that F0 is clipped to."""

INPUT_KERNEL = 5

NOISE = 2**17
"""Samples after which the noise begins anew: 8.2 s."""

SYNTHESIS_REACH = 2
"""Latent frames to both sides that a frame's waveform depends on through overlapping windows."""


class SourceFilterDecoder(nn.Module):
    """Latent [B, T, C] -> waveform [B, 320 T]; convolutions only, so that chunks with `reach` equal the whole."""

    pooling = 1

    def __init__(self, bottleneck: BottleneckConfig, config: SourceFilterConfig) -> None:
        super().__init__()
        self.config = config
        self.bins = N_FFT // 2 + 1
        self.input = nn.Conv1d(bottleneck.latent_dim, config.width, INPUT_KERNEL, padding=INPUT_KERNEL // 2)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.width, config.feed_forward) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.pitch = nn.Linear(bottleneck.latent_dim, 4)
        self.pitch_correction = nn.Linear(config.width, 4)
        self.upsampler = nn.Linear(config.width, PER_LATENT * config.fine_width)
        self.fine_blocks = nn.ModuleList(
            ConvNeXtBlock(config.fine_width, config.fine_feed_forward) for _ in range(config.fine_layers)
        )
        self.fine_norm = nn.LayerNorm(config.fine_width)
        self.head = nn.Linear(config.fine_width, 4 * self.bins)
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        """Begin near a quiet voice: pulses through a flat filter of 26 dB below them, noise lower still."""
        for blocks in (self.blocks, self.fine_blocks):
            for block in blocks:
                assert isinstance(block, ConvNeXtBlock)
                block.scale.fill_(1 / len(blocks))
        self.pitch_correction.weight.mul_(0.1)
        self.pitch_correction.bias.zero_()
        self.head.weight.mul_(0.3)
        for part, value in zip(self.head.bias.chunk(4), (-3.0, 1.0, 0.0, -5.0), strict=True):
            part.fill_(value)

    @property
    def reach(self) -> int:
        """Latent frames to both sides that a frame's waveform depends on, apart from the phase of the pulses."""
        coarse = INPUT_KERNEL // 2 + ConvNeXtBlock.reach * self.config.layers
        fine = ConvNeXtBlock.reach * self.config.fine_layers
        return coarse + -(-fine // PER_LATENT) + SYNTHESIS_REACH

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Decode a padded batch; `lengths` [B] valid latent frames (None: all). Zero beyond an item's end."""
        pitch, filters = self.controls(latent, lengths)
        return self.synthesize(filters, *self.sources(pitch, lengths), lengths)

    def sources(self, pitch: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pulses and noise, both [B, 160 F], of pitch [B, F, 2]; zero beyond `lengths` [B] latent frames."""
        if lengths is not None:  # F0 goes on beyond an item's end as it does beyond the end of one alone
            last = (2 * lengths - 1)[:, None]
            index = torch.arange(pitch.shape[1], device=pitch.device)[None].minimum(last)
            pitch = pitch.gather(1, index[..., None].expand(-1, -1, 2))
        pulses = pulse_train(pitch.detach())[0]
        noise = noise_from(0, pulses.shape[1], pitch.device).expand(len(pitch), -1)
        mask = None if lengths is None else length_mask(320 * lengths, pulses.shape[1])
        return (pulses, noise) if mask is None else (pulses.masked_fill(~mask, 0.0), noise.masked_fill(~mask, 0.0))

    def controls(self, latent: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pitch [B, 2 T, 2] every 10 ms and filters [B, 4 T, 4 * bins], both in float32.

        Pitch is the log of F0 over 160 Hz and the logit of voicing.
        """
        mask = length_mask(lengths, latent.shape[1])
        latent = zero_beyond(latent, mask)
        hidden = self.input(latent.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            hidden = block(zero_beyond(hidden, mask))
        hidden = self.norm(hidden)
        with without_autocast(latent.device):
            dtype = self.pitch.weight.dtype
            pitch = (self.pitch(latent.to(dtype)) + self.pitch_correction(hidden.to(dtype))).float()
        pitch = pitch.unflatten(2, (2, 2)).flatten(1, 2)
        fine = self.upsampler(hidden).unflatten(2, (PER_LATENT, -1)).flatten(1, 2)
        mask = None if mask is None else mask.repeat_interleave(PER_LATENT, dim=1)
        for block in self.fine_blocks:
            fine = block(zero_beyond(fine, mask))
        return pitch, self.head(self.fine_norm(fine)).float()

    def synthesize(self, filters: Tensor, pulses: Tensor, noise: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Waveform [B, 80 F] of filters [B, F, 4 * bins] and both sources [B, 80 F].

        Zero beyond `lengths` [B] latent frames, where the sources have to be zero as well.
        """
        mask = length_mask(None if lengths is None else PER_LATENT * lengths, filters.shape[1])
        gain, real, imaginary, noise_gain = filters.chunk(4, dim=-1)
        # Clipped before the exponential: an infinite magnitude, clipped after it, would have no gradient but NaN.
        gain, noise_gain = gain.clamp(-12.0, 4.0).exp(), noise_gain.clamp(-14.0, 3.0).exp()
        spectrum = torch.complex(gain * real, gain * imaginary) * _spectra(pulses) + noise_gain * _spectra(noise)
        frames = torch.fft.irfft(zero_beyond(spectrum, mask), N_FFT).unflatten(2, (N_FFT // HOP, HOP))
        count, overlap = frames.shape[1], frames.shape[2]
        total = frames.new_zeros(len(frames), count + overlap - 1, HOP)
        for i in range(overlap):
            total[:, i : i + count] += frames[:, :, i]
        cut = N_FFT // 2
        # Windows a quarter of their length apart add up to two.
        waveform = total.flatten(1)[:, cut : cut + HOP * count] / 2
        return zero_beyond(waveform, None if mask is None else mask.repeat_interleave(HOP, dim=1))

    def decode_in_chunks(self, latent: Tensor, chunk: int, device: torch.device) -> Iterator[Tensor]:
        """Waveform [1, 320 T], on the CPU, of one long latent [1, T, C], a piece for each `chunk` frames.

        Equal to the whole: every chunk is computed with the reach of the convolutions, and the phase goes on.
        """
        frames, phase = latent.shape[1], torch.zeros(1, dtype=torch.float64, device=device)
        for start in range(0, frames, chunk):
            end = min(start + chunk, frames)
            first, last = max(0, start - self.reach), min(frames, end + self.reach)
            pitch, filters = self.controls(latent[:, first:last].to(device))
            # What is synthesised: the chunk and the frames whose windows reach into it.
            near, far = max(0, start - SYNTHESIS_REACH), min(frames, end + SYNTHESIS_REACH)
            pitch = pitch[:, 2 * (near - first) : 2 * (far - first) + 1]  # one more, to interpolate to, if there is any
            filters = filters[:, PER_LATENT * (near - first) : PER_LATENT * (far - first)]
            samples = 320 * (far - near)
            pulses, phases = pulse_train(pitch, phase, samples)
            noise = noise_from(320 * near, samples, device)
            waveform = self.synthesize(filters, pulses, noise)
            yield waveform[:, 320 * (start - near) : 320 * (end - near)].cpu()
            following = max(0, end - SYNTHESIS_REACH)  # where the next chunk's pulses begin
            phase = phases[:, 320 * (following - near) - 1] if following > near else phase


def pulse_train(pitch: Tensor, phase: Tensor | None = None, samples: int | None = None) -> tuple[Tensor, Tensor]:
    """Band-limited pulses of unit power where speech is voiced, and the phase at every sample in periods.

    Args:
        pitch: [B, F, 2], log of F0 over 160 Hz and logit of voicing every 160 samples from the first on.
        phase: [B], that before the first sample; 0 by default.
        samples: how many; by default 160 F.

    Returns:
        Pulses [B, samples] in float32 and phases [B, samples] in float64.
    """
    count = PITCH_HOP * pitch.shape[1] if samples is None else samples
    position = torch.arange(count, device=pitch.device)
    left = (position // PITCH_HOP).clamp_max(pitch.shape[1] - 1)
    right = (left + 1).clamp_max(pitch.shape[1] - 1)
    share = (position % PITCH_HOP) / PITCH_HOP
    log_f0 = pitch[..., 0].clamp(math.log(LOWEST / REFERENCE), math.log(HIGHEST / REFERENCE))
    f0 = REFERENCE * torch.lerp(log_f0[:, left], log_f0[:, right], share.expand(len(pitch), -1)).exp()
    voiced = pitch[:, ((position + PITCH_HOP // 2) // PITCH_HOP).clamp_max(pitch.shape[1] - 1), 1] > 0
    phases = f0.double().cumsum(1) / SAMPLE_RATE
    if phase is not None:
        phases = phases + phase[:, None]
    # A sum of all harmonics below half the rate (Dirichlet's kernel), one pulse a period.
    turn = (phases - phases.round()).float()
    harmonics = 2 * (SAMPLE_RATE / 2 / f0).floor() + 1
    kernel = harmonics * torch.sinc(harmonics * turn) / torch.sinc(turn)
    return kernel * (f0 / SAMPLE_RATE).sqrt() * voiced, phases


def noise_from(start: int, samples: int, device: torch.device) -> Tensor:
    """White noise [1, samples] of unit power, the same for the same places of every recording."""
    return _noise(device)[(torch.arange(start, start + samples, device=device)) % NOISE][None]


@functools.cache
def _noise(device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.device("cpu"):
        return torch.randn(NOISE, generator=torch.Generator().manual_seed(0)).to(device)


def _spectra(source: Tensor) -> Tensor:
    """[B, 80 F] -> [B, F, bins], of Hann windows around multiples of 80 samples."""
    margin = (N_FFT - WINDOW) // 2
    window = F.pad(torch.hann_window(WINDOW, device=source.device), (margin, margin))
    frames = F.pad(source, (N_FFT // 2, N_FFT // 2)).unfold(1, N_FFT, HOP)[:, : source.shape[1] // HOP]
    return torch.fft.rfft(frames * window)
