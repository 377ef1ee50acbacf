"""Attention of three kinds, all by scaled-dot-product attention: the encoder's, causal, and local.

The encoder's is bidirectional over an item's own frames, for WavLM with a gated relative position bias. The acoustic
decoder's are causal (its transformer) and local (its vocoder), both with rotary positions.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.encoder_config import EncoderConfig


class RelativePositionBias(nn.Embedding):
    """Learnt bias of every head for every bucket of distance (WavLM, after T5: exact near, logarithmic far)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.relative_buckets, config.heads)
        self.max_distance = config.relative_max_distance

    def bias(self, frames: int) -> Tensor:
        """Bias [1, heads, T, T]; entry (i, j) belongs to query i and key j."""
        index = torch.arange(frames, device=self.weight.device)
        return self.per_distance(frames)[:, index[None, :] - index[:, None] + frames - 1][None]

    def per_distance(self, frames: int) -> Tensor:
        """Bias [heads, 2 T - 1] of the distances (key minus query) from 1 - T to T - 1."""
        return self(self._bucket(torch.arange(1 - frames, frames, device=self.weight.device))).T

    def _bucket(self, distance: Tensor) -> Tensor:
        half = self.num_embeddings // 2
        exact = half // 2
        size = distance.abs()
        ratio = torch.log(size.clamp_min(1).float() / exact) / math.log(self.max_distance / exact)
        far = (exact + ratio * (half - exact)).long().clamp_max(half - 1)
        return torch.where(size < exact, size, far) + half * (distance > 0)


class SelfAttention(nn.Module):
    """Bidirectional self-attention of the wav2vec 2.0 family, with WavLM's gated bias where the family has it."""

    def __init__(self, config: EncoderConfig, owns_bias: bool) -> None:
        super().__init__()
        width = config.width
        self.heads, self.head_width = config.heads, width // config.heads
        self.dropout = config.attention_dropout
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.gated = config.family == "wavlm"
        if self.gated:
            self.gru_rel_pos_const = nn.Parameter(torch.ones(1, config.heads, 1, 1))
            self.gru_rel_pos_linear = nn.Linear(self.head_width, 8)
        if owns_bias:
            self.rel_attn_embed = RelativePositionBias(config)

    def forward(self, hidden: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
        """[B, T, H] -> [B, T, H]; `bias` [1, heads, T, T] before gating, `mask` [B, T] true on real frames."""
        scores: Tensor | None = None
        if self.gated and bias is not None:
            scores = self._gate(hidden) * bias
            if mask is not None:
                scores = scores.masked_fill(~mask[:, None, None], -math.inf)
        elif mask is not None:
            scores = mask[:, None, None].expand(-1, 1, hidden.shape[1], -1)
        query, key, value = (self._split(proj(hidden)) for proj in (self.q_proj, self.k_proj, self.v_proj))
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=scores, dropout_p=dropout)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def _gate(self, hidden: Tensor) -> Tensor:
        """Gate [B, heads, T, 1] of the position bias from the layer's own input (WavLM, arXiv 2110.13900, eq. 3)."""
        a, b = self.gru_rel_pos_linear(self._split(hidden)).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, dim=-1)
        return a * (b * self.gru_rel_pos_const - 1.0) + 2.0

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)


class Rotary:
    """Rotary positions (RoPE, arXiv 2104.09864), half-split: cosines and sines for T frames, made once a forward."""

    def __init__(self, frames: int, head_width: int, theta: float, device: torch.device, dtype: torch.dtype) -> None:
        frequency = theta ** (-torch.arange(0, head_width, 2, device=device, dtype=torch.float32) / head_width)
        angle = torch.arange(frames, device=device, dtype=torch.float32)[:, None] * frequency
        angle = torch.cat([angle, angle], dim=-1)
        self.cos, self.sin = angle.cos().to(dtype), angle.sin().to(dtype)
        self._spread: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, values: Tensor) -> Tensor:
        """Rotate queries or keys [B, heads, T, head_width] by their positions."""
        first, second = values.chunk(2, dim=-1)
        return values * self.cos + torch.cat([-second, first], dim=-1) * self.sin

    def spread(self, heads: int) -> tuple[Tensor, Tensor]:
        """Cosines, and sines whose first halves are negative, written out for every head: [T, heads, head_width]."""
        if heads not in self._spread:
            first, second = self.sin.chunk(2, dim=-1)
            tables = self.cos, torch.cat([-first, second], dim=-1)
            cosines, sines = (table[:, None].expand(-1, heads, -1).contiguous() for table in tables)
            self._spread[heads] = cosines, sines
        return self._spread[heads]


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention to a frame and all before it, [B, heads, T, D].

    Needs no mask for padding: what is padded comes after what is real.
    """
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


class LocalAttention:
    """Attention to `back` frames before and `ahead` after, in time and memory proportional to T.

    Queries are cut into blocks; a block sees only the keys that any of its queries may see, and is an item to the
    kernel. Which of them each query sees is the same in all layers and heads: one object serves them all.

    Args:
        like: queries [B, heads, T, D] or anything of their batch, frames (at -2), type and device.
        mask: [B, T], true on real frames; padded frames attend to themselves alone and are seen by none.
        block: queries a block; changes speed, not the result.
    """

    def __init__(self, like: Tensor, back: int, ahead: int, mask: Tensor | None = None, block: int = 64) -> None:
        self.batch, self.frames, self.back, self.block = like.shape[0], like.shape[-2], back, block
        self.blocks = (self.frames + block - 1) // block
        self.span = block + back + ahead
        self.extra = (self.span - 1) // block  # blocks that a span reaches into beyond its first
        self.tail = (self.blocks + self.extra) * block - self.frames - back
        device = like.device
        offset = torch.arange(self.span, device=device) - torch.arange(block, device=device)[:, None]
        window = (offset >= 0) & (offset <= back + ahead)  # [block, span]
        real = torch.ones(1, self.frames, dtype=torch.bool, device=device) if mask is None else mask
        real = self._spans(F.pad(real, (back, self.tail)))  # [B or 1, blocks, span]
        allowed = (window & real[:, :, None]) | (offset == back)  # a padded query sees itself, so that it stays finite
        # The kernels take a sum, and would make one of what is true or false in every layer.
        bias = torch.zeros(allowed.shape, dtype=like.dtype, device=device).masked_fill(~allowed, -math.inf)
        self.bias = bias.expand(self.batch, -1, -1, -1).flatten(0, 1)[:, None]  # [B * blocks, 1, block, span]

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """[B, heads, T, D] of each -> [B, heads, T, D]."""
        query = F.pad(query.transpose(1, 2), (0, 0, 0, 0, 0, self.blocks * self.block - self.frames))
        queries = query.unflatten(1, (self.blocks, self.block))
        keys, values = (
            self._spans(F.pad(part.transpose(1, 2), (0, 0, 0, 0, self.back, self.tail))) for part in (key, value)
        )
        queries, keys, values = (part.flatten(0, 1).transpose(1, 2) for part in (queries, keys, values))
        attended = self._attend(queries, keys, values)
        attended = attended.transpose(1, 2).unflatten(0, (self.batch, self.blocks)).flatten(1, 2)
        return attended[:, : self.frames].transpose(1, 2)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries [N, heads, block, D], with what each block of them may see [N, heads, span, D]."""
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=self.bias)

    def _spans(self, values: Tensor) -> Tensor:
        """What each block of queries may see: [B, blocks, span, ...] of values padded to whole blocks."""
        rows = values.unflatten(1, (self.blocks + self.extra, self.block))
        shifted = [rows.narrow(1, i, self.blocks) for i in range(self.extra + 1)]
        return torch.cat(shifted, 2).narrow(2, 0, self.span)
