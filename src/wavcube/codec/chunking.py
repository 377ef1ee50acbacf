"""Long audio in constant memory: encode and decode chunk by chunk, with context around each.

What is exact and what is not:

- Statistics over a whole recording (normalisation of the waveform and of w2v-BERT's log-mel, group norms over time)
  are those of the whole recording: they are gathered in a first pass.
- The vocoder's attention is local, so chunks with its full reach as context give the same samples as the whole.
- A Whisper's positions begin anew in every chunk, as they do in every window that it was trained on.
- The encoder's attention and the decoder's causal attention reach over the whole recording, and w2v-BERT's causal
  convolutions far back. A chunk sees `context` seconds beyond its ends instead; neighbouring chunks are cross-faded
  where they meet. docs/architecture.md gives the measured difference as a function of the context.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Self

import torch
from torch import Tensor

from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.codec.inference.parallel import parallel_map
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.errors import ConfigError
from wavcube.framing import HOP_LENGTH

FADE_FRAMES = 10
"""Length of a cross-fade in frames of 50 Hz: 0.2 s."""


@dataclass(frozen=True)
class Chunking:
    """When and how long audio is cut, in seconds.

    Attributes:
        above: longer recordings are processed in chunks; None never.
        chunk: length of a chunk.
        context: what the encoder sees beyond both ends of a chunk; the decoder sees twice as much before its start.
    """

    above: float | None = 60.0
    chunk: float = 30.0
    context: float = 5.0

    def __post_init__(self) -> None:
        for value in (self.chunk, self.context, *([] if self.above is None else [self.above])):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"chunking: lengths are numbers of seconds, not {value!r}")
        # Not the other way round: whatever is compared with NaN is false.
        possible = 1 <= self.chunk < inf and FADE_FRAMES / 50 <= self.context < inf
        if not possible or not (self.above is None or self.above > 0):
            raise ConfigError(
                f"chunking: chunk must be at least 1 s, context at least {FADE_FRAMES / 50:g} s, above more than 0 s, "
                f"and no length endless but above; got {self}"
            )

    @classmethod
    def default(cls, encoder: EncoderConfig) -> Self:
        """What suits an encoder: a Whisper gets no chunk of more frames, context included, than its positions."""
        if encoder.family != "whisper":
            return cls()
        most = encoder.max_frames / 50
        return cls(above=most, chunk=max(1.0, most * 2 / 3), context=max(FADE_FRAMES / 50, most / 6))

    def applies(self, seconds: float) -> bool:
        """Whether a recording of so many seconds is cut."""
        return self.above is not None and seconds > self.above


@dataclass(frozen=True)
class _Window:
    """Frames `start` to `end` that a chunk computes, and where its fades begin (None at the recording's ends)."""

    start: int
    end: int
    fade_in: int | None
    fade_out: int | None

    def weights(self) -> Tensor:
        """Weight [end - start] of each computed frame; those of all windows add up to one everywhere."""
        position = torch.arange(self.start, self.end) + 0.5
        weights = torch.ones(self.end - self.start)
        if self.fade_in is not None:
            weights = weights.minimum((position - self.fade_in) / FADE_FRAMES)
        if self.fade_out is not None:
            weights = weights.minimum((self.fade_out + FADE_FRAMES - position) / FADE_FRAMES)
        return weights.clamp(0.0, 1.0)


def _windows(total: int, chunk: int, before: int, after: int) -> Iterator[_Window]:
    """Windows over `total` frames: cores of `chunk` frames with `before` and `after` frames of context.

    The cross-fade of two windows lies in the frames before their boundary.
    """
    for core in range(0, total, chunk):
        last = core + chunk + after >= total
        yield _Window(
            start=max(0, core - before),
            end=total if last else core + chunk + after,
            fade_in=core - FADE_FRAMES if core else None,
            fade_out=None if last else core + chunk - FADE_FRAMES,
        )
        if last:
            return


def encode_in_chunks(
    encoder: SpeechEncoder,
    waveform: Tensor,
    chunking: Chunking,
    finish: Callable[[Tensor], Tensor],
    pooling: int,
    device: torch.device,
    workers: int = 1,
) -> Tensor:
    """Frames [1, T / pooling, C] of one long recording.

    Args:
        waveform: [S], at 16 kHz, on any device.
        finish: from the features [1, t, H] of a chunk to what is asked of it (features themselves, or the latent).
        pooling: frames of 50 Hz to one that `finish` gives.
        device: of the encoder, where chunks go.
        workers: chunks that are computed side by side.
    """
    frames = encoder.config.frames(len(waveform))
    mean, scale = torch.zeros(()), torch.ones(())
    if encoder.config.normalize_waveform:
        mean, scale = waveform.mean(), (waveform.var(correction=0) + 1e-7).rsqrt()
    statistics = encoder.statistics(waveform, mean, scale)
    chunk, context = _even(chunking.chunk), _even(chunking.context)
    total = -(-frames // pooling)
    result: Tensor | None = None

    def compute(window: _Window) -> Tensor:
        samples = waveform[HOP_LENGTH * window.start : HOP_LENGTH * (window.end - 1) + encoder.config.frame_span]
        piece = ((samples - mean) * scale)[None].to(device)
        return finish(encoder.encode_normalized(piece, statistics=statistics)[0])[0].cpu()

    for window, values in parallel_map(compute, _windows(frames, chunk, context, context), workers):
        result = values.new_zeros(total, values.shape[1]) if result is None else result
        weights = window.weights()[::pooling, None].to(values.dtype)
        result[window.start // pooling :][: len(values)] += values * weights
    assert result is not None
    return result[None]


def _even(seconds: float) -> int:
    """Frames of 50 Hz, an even number, so that chunks fall on whole frames of 25 Hz."""
    return 2 * round(25 * seconds)


def decode_in_chunks(
    decoder: AcousticDecoder | SourceFilterDecoder,
    latent: Tensor,
    chunking: Chunking,
    device: torch.device,
    workers: int = 1,
) -> Iterator[Tensor]:
    """Waveform [1, T * hop], on the CPU, of one long latent [1, T, C], in pieces one behind the other.

    `device` is the decoder's, `workers` the number of chunks that are computed side by side.
    """
    chunk, before = _even(chunking.chunk), 2 * _even(chunking.context)
    if isinstance(decoder, SourceFilterDecoder):
        yield from decoder.decode_in_chunks(latent, chunk, device)
        return
    pooling = decoder.pooling
    statistics = _latent_statistics(decoder, latent, chunk, device) if pooling == 2 else None
    frames = latent.shape[1] * pooling
    # The vocoder input before their norm, [2 T + 1, C]: small enough to keep, and their statistics are exact.
    vocoder_input: Tensor | None = None

    def compute(window: _Window) -> Tensor:
        piece = latent[:, window.start // pooling : window.end // pooling].to(device)
        return decoder.vocoder_input(piece, statistics)[0].cpu()

    for window, values in parallel_map(compute, _windows(frames, chunk, before, 0), workers):
        if vocoder_input is None:
            vocoder_input = values.new_zeros(2 * frames + decoder.upsampler.excess, values.shape[1])
        # The excess frame belongs to the next one as well, except at the very end.
        weights = window.weights().repeat_interleave(2)
        if window.end == frames:
            weights = torch.cat([weights, weights.new_ones(decoder.upsampler.excess)])
        vocoder_input[2 * window.start :][: len(weights)] += values[: len(weights)] * weights[:, None].to(values.dtype)
    assert vocoder_input is not None
    mean, variance = vocoder_input.double().mean(), vocoder_input.double().var(correction=0)
    moments = mean.float()[None].to(device), variance.float()[None].to(device)
    yield from _vocode(decoder, vocoder_input[: 2 * frames], moments, 2 * chunk, workers)


def _latent_statistics(
    decoder: AcousticDecoder, latent: Tensor, chunk: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Mean and variance [1] of the 25 Hz up-sampler's convolution over the whole recording.

    Its kernel equals its stride, so chunks need no context.
    """
    total, count = torch.zeros(2, dtype=torch.float64), 0
    for piece in latent.split(chunk, dim=1):
        values = decoder.latent_upsampler.convolve(decoder.input(piece.to(device))).cpu().double()
        total += torch.stack([values.sum(), values.square().sum()])
        count += values.numel()
    mean = total[0] / count
    variance = total[1] / count - mean.square()
    return mean.float()[None].to(device), variance.float()[None].to(device)


def _vocode(
    decoder: AcousticDecoder, vocoder_input: Tensor, moments: tuple[Tensor, Tensor], chunk: int, workers: int
) -> Iterator[Tensor]:
    """The vocoder over chunks of `chunk` frames of 100 Hz with its whole reach as context: equal to the whole."""
    config = decoder.config.vocoder
    overlap = config.n_fft // config.hop_length
    before = config.layers * config.left_context + overlap
    after = config.layers * config.right_context + overlap

    def compute(start: int) -> Tensor:
        end = min(start + chunk, len(vocoder_input))
        first, last = max(0, start - before), min(len(vocoder_input), end + after)
        piece = vocoder_input[None, first:last].to(moments[0].device)
        waveform = decoder.vocoder(decoder.upsampler.normalize(piece, *moments))
        return waveform[:, (start - first) * config.hop_length : (end - first) * config.hop_length].cpu()

    yield from (piece for _, piece in parallel_map(compute, range(0, len(vocoder_input), chunk), workers))
