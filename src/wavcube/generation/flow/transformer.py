"""The diffusion transformer: noised frames, condition, text and time -> velocity (F5-TTS, arXiv 2410.06885).

Padded frames are seen by none, in attention, in convolutions and in the text, so a batch gives what its items give
alone.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.attention import Rotary
from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.generation.flow.config import BlockSizes, TransformerConfig

TIME_WIDTH = 256
"""Width of the sinusoidal embedding of time, before its layers."""


class TimeEmbedding(nn.Module):
    """Time [B] in [0, 1] -> [B, H]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(TIME_WIDTH, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time: Tensor) -> Tensor:
        half = TIME_WIDTH // 2
        steps = torch.arange(half, device=time.device, dtype=torch.float32)
        angle = 1000.0 * time.float()[:, None] * torch.exp(-math.log(1e4) / (half - 1) * steps)
        first: nn.Linear = self.layers[0]  # type: ignore[assignment]
        return self.layers(torch.cat([angle.sin(), angle.cos()], -1).to(first.weight.dtype))


class ConvolutionalPosition(nn.Module):
    """Two grouped convolutions over neighbouring frames, [B, T, H] -> [B, T, H]."""

    def __init__(self, config: BlockSizes) -> None:
        super().__init__()
        width, kernel = config.width, config.position_kernel
        self.convolutions = nn.ModuleList(
            GroupedConv1d(width, width, kernel, groups=config.position_groups, padding=kernel // 2) for _ in range(2)
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        for convolution in self.convolutions:
            hidden = convolution(zero_beyond(hidden, mask).transpose(1, 2)).transpose(1, 2)
            hidden = F.mish(hidden.contiguous())  # Mish's gradient takes five times as long where strides differ
        return zero_beyond(hidden, mask)


class InputProjection(nn.Module):
    """One linear layer on [noised frames, condition, text] of each frame.

    Only the noised frames change while speech is made, so the rest can be projected once (`context`).
    """

    def __init__(self, channels: int, config: TransformerConfig) -> None:
        super().__init__()
        self.channels = channels
        self.linear = nn.Linear(2 * channels + config.text_width, config.width)

    def context(self, condition: Tensor, text: Tensor) -> Tensor:
        """Condition [B, T, C] and text [B, T, D] -> their share [B, T, H]."""
        return F.linear(torch.cat([condition, text], -1), self.linear.weight[:, self.channels :], self.linear.bias)

    def forward(self, noised: Tensor, context: Tensor) -> Tensor:
        return F.linear(noised, self.linear.weight[:, : self.channels]) + context


def attend(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
    """Softmax attention, [B, heads, T, D] of each; `seen` [B, 1, 1, T] is true on keys that count.

    In bfloat16 on a CPU, products written out take less than half the time of torch's kernel, forwards and backwards.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-1, -2)
    if seen is not None:
        scores = scores + torch.zeros_like(seen, dtype=scores.dtype).masked_fill(~seen, -math.inf)
    return torch.softmax(scores, -1) @ value


class Attention(nn.Module):
    """Self-attention over an item's own frames, with rotary positions."""

    def __init__(self, config: BlockSizes) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.output = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:
        query, key, value = (
            layer(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = None if mask is None else mask[:, None, None]
        query, key = (rotary(values).to(value.dtype) for values in (query, key))
        attended = attend(query, key, value, seen)
        return self.dropout(self.output(attended.transpose(1, 2).flatten(2)))


class Layer(nn.Module):
    """A transformer layer whose norms are shifted, scaled and gated by the time (adaLN-zero, arXiv 2212.09748)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.feed_forward * config.width
        self.shift_scale_gate = nn.Linear(width, 6 * width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Dropout(config.dropout), nn.Linear(hidden, width)
        )

    def forward(self, hidden: Tensor, time: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.shift_scale_gate(F.silu(time))[:, None].chunk(6, -1)
        attended = self.attention(self.attention_norm(hidden) * (1 + scale_a) + shift_a, rotary, mask)
        hidden = hidden + gate_a * attended
        return hidden + gate_f * self.feed_forward(self.feed_forward_norm(hidden) * (1 + scale_f) + shift_f)


class DiffusionTransformer(nn.Module):
    """Noised frames [B, T, C] at time t, with their context -> velocity [B, T, C].

    Args:
        channels: C of a frame.
        config: sizes.
    """

    def __init__(self, channels: int, config: TransformerConfig) -> None:
        super().__init__()
        self.head_width = config.width // config.heads
        self.time = TimeEmbedding(config.width)
        self.step_end = TimeEmbedding(config.width) if config.few_steps else None
        self.input = InputProjection(channels, config)
        self.position = ConvolutionalPosition(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.shift_scale = nn.Linear(config.width, 2 * config.width)
        self.output_norm = nn.LayerNorm(config.width, eps=1e-6, elementwise_affine=False)
        self.output = nn.Linear(config.width, channels)
        self._zero()

    def _zero(self) -> None:
        """At first every layer passes on what it gets, and the velocity is zero; the end of a step changes nothing."""
        zeroed = [*(layer.shift_scale_gate for layer in self.layers), self.shift_scale, self.output]
        for linear in [*zeroed, *([] if self.step_end is None else [self.step_end.layers[-1]])]:
            for parameter in linear.parameters():  # type: ignore[union-attr]
                nn.init.zeros_(parameter)

    def context(self, condition: Tensor, text: Tensor) -> Tensor:
        """What stays the same at all times: condition [B, T, C] and embedded text [B, T, D] -> [B, T, H]."""
        return self.input.context(condition, text)

    def forward(
        self,
        noised: Tensor,
        time: Tensor,
        context: Tensor,
        lengths: Tensor | None = None,
        step_end: Tensor | None = None,
    ) -> Tensor:
        """Velocity [B, T, C]; what it is on padded frames has no meaning.

        Args:
            noised: [B, T, C].
            time: [B] in [0, 1], or [1] if it is the same for all.
            context: see `context`.
            lengths: [B], frames of each item; None where all have T.
            step_end: [B] or [1], the time up to which a distilled model gives the mean velocity under guidance; None
                for the velocity at `time`.
        """
        mask = length_mask(lengths, noised.shape[1])
        embedded = self.time(time)
        if step_end is not None:
            assert self.step_end is not None
            embedded = embedded + self.step_end(step_end)
        hidden = self.input(noised, context)
        hidden = hidden + self.position(hidden, mask)
        rotary = Rotary(noised.shape[1], self.head_width, 10_000.0, hidden.device, torch.float32)
        for layer in self.layers:
            hidden = layer(hidden, embedded, rotary, mask)
        scale, shift = self.shift_scale(F.silu(embedded))[:, None].chunk(2, -1)
        return self.output(self.output_norm(hidden) * (1 + scale) + shift)
