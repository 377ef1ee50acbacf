"""The acoustic decoder: latent [B, T, C] -> waveform [B, 320 T] (at 50 Hz).

In the order of the data: input projection, a causal transformer at 50 Hz, up-sampling to 100 Hz, a transformer with
local attention, and an inverse STFT. Architecture of MiMo-Audio-Tokenizer's decoder. Every stage takes a padded batch
with lengths and gives each item what it gets alone.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.attention import LocalAttention, Rotary, causal_attention
from wavcube.codec.blocks.masking import length_mask, widened, zero_beyond
from wavcube.codec.config import BottleneckConfig, DecoderConfig, VocoderConfig

MAGNITUDE_LIMIT = 100.0
"""Clip of the STFT magnitude, so that one wild frame cannot overflow."""

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Attention of queries, keys and values [B, heads, T, D]."""


class DecoderAttention(nn.Module):
    """Self-attention with rotary positions; the key projection has no bias, as in Whisper."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, hidden: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        query, key, value = (
            proj(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2) for proj in (self.query, self.key, self.value)
        )
        return self.output(attend(rotary(query), rotary(key), value).transpose(1, 2).flatten(2))


class DecoderLayer(nn.Module):
    """Pre-norm transformer layer on [B, T, H]."""

    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = DecoderAttention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, feed_forward), nn.GELU(), nn.Linear(feed_forward, width))

    def forward(self, hidden: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        hidden = hidden + self.attention(self.attention_norm(hidden), rotary, attend)
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


class Upsampler(nn.Module):
    """Twice the frames by a transposed convolution, then a group norm over all channels and frames of an item.

    The frames that the convolution makes beyond 2 T count in the norm's statistics and are then cut, so that the
    convolution is causal. As the statistics are those of the whole item, `convolve` and `normalize` are apart: long
    audio goes through them in chunks.
    """

    STRIDE = 2

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(channels_in, channels, kernel, stride=self.STRIDE)
        self.norm = nn.GroupNorm(1, channels)
        self.excess = kernel - self.STRIDE

    def forward(self, hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, C_in] -> [B, 2 T, C]."""
        mask = length_mask(lengths, hidden.shape[1])
        values = self.convolve(zero_beyond(hidden, mask))
        if mask is None:
            return self.norm(values.transpose(1, 2)).transpose(1, 2)[:, : self.STRIDE * hidden.shape[1]]
        assert lengths is not None
        weights = length_mask(lengths * self.STRIDE + self.excess, values.shape[1])
        assert weights is not None
        return self.normalize(values, *self.moments(values, weights))[:, : self.STRIDE * hidden.shape[1]]

    def convolve(self, hidden: Tensor) -> Tensor:
        """[B, T, C_in] -> [B, 2 T + excess, C] before the norm."""
        return self.conv(hidden.transpose(1, 2)).transpose(1, 2)

    @staticmethod
    def moments(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance [B] of [B, T, C] over channels and the frames where `mask` [B, T] is true.

        They are float32 whatever the values are.
        """
        values = widened(values)
        count = mask.sum(1) * values.shape[2]
        mean = zero_beyond(values, mask).sum((1, 2)) / count
        centred = zero_beyond(values - mean[:, None, None], mask)
        return mean, centred.square().sum((1, 2)) / count

    def normalize(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Group norm of [B, T, C] with the given statistics [B], computed in their type."""
        scale = (variance + self.norm.eps).rsqrt()
        normed = (values - mean[:, None, None]) * scale[:, None, None]
        return (normed * self.norm.weight + self.norm.bias).to(values.dtype)


class Vocoder(nn.Module):
    """100 Hz frames [B, F, C] -> waveform [B, 160 F]: transformer layers with local attention, inverse STFT."""

    def __init__(self, channels: int, config: VocoderConfig, rope_theta: float) -> None:
        super().__init__()
        self.config, self.rope_theta = config, rope_theta
        self.input = nn.Linear(channels, config.width, bias=False)
        self.layers = nn.ModuleList(
            DecoderLayer(config.width, config.heads, config.feed_forward) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.n_fft + 2)
        self.local_attention: Callable[..., LocalAttention] = LocalAttention

    def forward(self, vocoder_input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, F, C] with `lengths` [B] valid frames to [B, 160 F], zero beyond an item's end."""
        mask = length_mask(lengths, vocoder_input.shape[1])
        return inverse_stft(torch.complex(*self.predict(vocoder_input, mask)), self.config.hop_length, mask)

    def predict(self, vocoder_input: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Real and imaginary STFT [B, F, n_fft // 2 + 1] of [B, F, C]; `mask` [B, F] is true on real frames."""
        hidden = self.input(vocoder_input)
        frames = hidden.shape[1]
        config = self.config
        rotary = Rotary(frames, config.width // config.heads, self.rope_theta, hidden.device, hidden.dtype)
        attend = self.local_attention(hidden, config.left_context, config.right_context, mask)
        for layer in self.layers:
            hidden = layer(hidden, rotary, attend)
        # The phase needs float32 whatever the rest runs in.
        first, second = self.head(self.norm(hidden)).float().chunk(2, dim=-1)
        if config.head == "cartesian":
            return first, second
        # Clipped before the exponential: an infinite magnitude, clipped after it, would have no gradient but NaN.
        magnitude = first.clamp_max(math.log(MAGNITUDE_LIMIT)).exp()
        return magnitude * second.cos(), magnitude * second.sin()


def inverse_stft(spectrum: Tensor, hop: int, mask: Tensor | None = None) -> Tensor:
    """Waveform [B, F * hop] of a one-sided spectrum [B, F, n_fft // 2 + 1], periodic Hann window of n_fft samples.

    "Same" padding: (n_fft - hop) / 2 samples are cut at both ends, and what remains is divided by the envelope of
    the squared window. Frames where `mask` [B, F] is false count in neither, and their own samples are zero.
    """
    n_fft = 2 * (spectrum.shape[-1] - 1)
    window = torch.hann_window(n_fft, device=spectrum.device, dtype=torch.float32)
    frames = zero_beyond(torch.fft.irfft(spectrum, n_fft, norm="backward") * window, mask)
    weight = zero_beyond(window.square().expand(frames.shape if mask is not None else frames[:1].shape), mask)
    cut = (n_fft - hop) // 2
    signal = _overlap_add(frames, hop)[:, cut:-cut]
    envelope = _overlap_add(weight, hop)[:, cut:-cut]
    # Where no frame reaches, both are zero. Elsewhere the envelope is at least that of one frame's inner part.
    waveform = signal / envelope.masked_fill(envelope == 0, 1.0)
    # The last real frame reaches beyond its own samples; alone, an item ends before.
    return zero_beyond(waveform.unflatten(1, (-1, hop)), mask).flatten(1)


def _overlap_add(frames: Tensor, hop: int) -> Tensor:
    """Sum [B, (F - 1) * hop + N] of frames [B, F, N] laid `hop` samples apart; N is a multiple of hop."""
    count, overlap = frames.shape[1], frames.shape[2] // hop
    parts = frames.unflatten(2, (overlap, hop))
    total = frames.new_zeros(frames.shape[0], count + overlap - 1, hop)
    for i in range(overlap):
        total[:, i : i + count] += parts[:, :, i]
    return total.flatten(1)


class AcousticDecoder(nn.Module):
    """Latent [B, T, C] -> waveform [B, T * hop], hop 320 at 50 Hz, 640 at 25 Hz."""

    def __init__(self, bottleneck: BottleneckConfig, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.input = nn.Linear(bottleneck.latent_dim, config.width)
        if bottleneck.pooling == 2:
            self.latent_upsampler = Upsampler(config.width, config.width, kernel=2)
        self.pooling = bottleneck.pooling
        self.layers = nn.ModuleList(
            DecoderLayer(config.width, config.heads, config.feed_forward) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.upsampler = Upsampler(config.width, config.vocoder_input_dim, kernel=3)
        self.vocoder = Vocoder(config.vocoder_input_dim, config.vocoder, config.rope_theta)
        self.attend: Attend = causal_attention

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Decode a padded batch; `lengths` [B] valid latent frames (None: all). Zero beyond an item's end."""
        hidden = self.input(latent)
        if self.pooling == 2:
            hidden = self.latent_upsampler(hidden, lengths)
            lengths = None if lengths is None else 2 * lengths
        vocoder_input = self.upsampler(self.transform(hidden), lengths)
        return self.vocoder(vocoder_input, None if lengths is None else 2 * lengths)

    def vocoder_input(self, latent: Tensor, statistics: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """The 100 Hz frames before their norm, [B, T, C] -> [B, 2 T + 1, D] at 50 Hz, for one piece of long audio.

        `statistics` [B] x 2 are those of the 25 Hz up-sampler over the whole recording.
        """
        hidden = self.input(latent)
        if statistics is not None:
            frames = Upsampler.STRIDE * hidden.shape[1]
            hidden = self.latent_upsampler.normalize(self.latent_upsampler.convolve(hidden), *statistics)[:, :frames]
        return self.upsampler.convolve(self.transform(hidden))

    def transform(self, hidden: Tensor) -> Tensor:
        """The causal transformer at 50 Hz, [B, T, H] -> [B, T, H]."""
        config = self.config
        rotary = Rotary(hidden.shape[1], config.width // config.heads, config.rope_theta, hidden.device, hidden.dtype)
        for layer in self.layers:
            hidden = layer(hidden, rotary, self.attend)
        return self.norm(hidden)
