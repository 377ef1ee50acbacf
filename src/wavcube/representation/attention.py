"""Attention of three kinds, all by scaled-dot-product attention: the encoder's, causal, and local.

The encoder's is bidirectional over an item's own frames, for WavLM with a gated relative position bias. The acoustic
decoder's are causal (its transformer) and local (its vocoder), both with rotary positions.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.representation.config import EncoderConfig


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

    def __call__(self, values: Tensor) -> Tensor:
        """Rotate queries or keys [B, heads, T, head_width] by their positions."""
        first, second = values.chunk(2, dim=-1)
        return values * self.cos + torch.cat([-second, first], dim=-1) * self.sin


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention to a frame and all before it, [B, heads, T, D].

    Needs no mask for padding: what is padded comes after what is real.
    """
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def local_attention(
    query: Tensor, key: Tensor, value: Tensor, back: int, ahead: int, mask: Tensor | None = None, block: int = 64
) -> Tensor:
    """Attention to `back` frames before and `ahead` after, in time and memory proportional to T.

    Queries are cut into blocks; a block sees only the keys that any of its queries may see.

    Args:
        query, key, value: [B, heads, T, D].
        mask: [B, T], true on real frames; padded frames attend to themselves alone and are seen by none.
        block: queries a block; changes speed, not the result.

    Returns:
        [B, heads, T, D].
    """
    heads, frames = query.shape[1:3]
    blocks = (frames + block - 1) // block
    span = block + back + ahead
    extra = (span - 1) // block  # blocks that a span reaches into beyond its first
    tail = (blocks + extra) * block - frames - back

    def spans(values: Tensor, dim: int) -> Tensor:
        """What each block of queries may see: [..., blocks, span, ...] of values padded to whole blocks."""
        rows = values.unflatten(dim, (blocks + extra, block))
        shifted = [rows.narrow(dim, i, blocks) for i in range(extra + 1)]
        return torch.cat(shifted, dim + 1).narrow(dim + 1, 0, span)

    # A block of a head is a head of its own to the kernel: [B, heads * blocks, block or span, D].
    queries = F.pad(query, (0, 0, 0, blocks * block - frames)).unflatten(2, (blocks, block)).flatten(1, 2)
    keys, values = (spans(F.pad(part, (0, 0, back, tail)), 2).flatten(1, 2) for part in (key, value))
    offset = torch.arange(span, device=query.device) - torch.arange(block, device=query.device)[:, None]
    window = (offset >= 0) & (offset <= back + ahead)  # [block, span]
    real = torch.ones(1, frames, dtype=torch.bool, device=query.device) if mask is None else mask
    real = spans(F.pad(real, (back, tail)), 1)  # [B or 1, blocks, span]
    allowed = (window & real[:, :, None]) | (offset == back)  # a padded query sees itself, so that it stays finite
    allowed = allowed[:, None].expand(-1, heads, -1, -1, -1).flatten(1, 2)
    attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
    return attended.unflatten(1, (heads, blocks)).flatten(2, 3)[:, :, :frames]
