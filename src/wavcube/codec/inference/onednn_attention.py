"""Self-attention of a prepared model on a CPU: oneDNN's products over blocks of queries that stay in the cache.

torch's own kernel takes MKL's products, which on AMD processors reach about half of oneDNN's speed, and needs the
position bias of every head, query and key written out: at half a minute of speech that is more than any cache holds.
Here every item of a batch is computed over its own frames, so that padding costs little, and the bias is read from a
table with one entry a distance.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.attention import RelativePositionBias, SelfAttention, causal_attention

SHORTEST = 288
"""Frames below which torch's kernel is faster in float32, as it takes all heads and items in one call."""

BLOCK, CAUSAL_BLOCK = 512, 256
"""Most queries in a block."""

STEP = 32
"""Frames are rounded up to a multiple of this, as oneDNN compiles a kernel for every new shape, for a millisecond."""


class DistanceBias(RelativePositionBias):
    """A position bias that is given out as a table for `block_attention`; made from the plain one."""

    def __init__(self, plain: RelativePositionBias, shortest: int) -> None:
        nn.Embedding.__init__(self, plain.num_embeddings, plain.embedding_dim, _weight=plain.weight.detach())
        self.requires_grad_(False)
        self.max_distance, self.shortest = plain.max_distance, shortest

    def bias(self, frames: int) -> Tensor:
        """Bias [heads, 2 T - 1] of distances T - 1 to 1 - T; below `shortest` frames [1, heads, T, T]."""
        if frames < self.shortest:
            return super().bias(frames)
        # In the order of distances, as `block_attention` reads rows of it for every head: strided, that takes longer
        # than the products.
        return self.per_distance(frames).contiguous().flip(1)


class BlockAttention(SelfAttention):
    """`SelfAttention` through `block_attention`; made from the plain one, whose parts it takes over. Inference only."""

    shortest = SHORTEST
    gate_weight: Tensor
    gate_bias: Tensor

    def __init__(self, plain: SelfAttention) -> None:
        nn.Module.__init__(self)
        self.heads, self.head_width, self.dropout, self.gated = plain.heads, plain.head_width, 0.0, plain.gated
        for name, parameter in plain.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, child in plain.named_children():
            if isinstance(child, RelativePositionBias):
                child = DistanceBias(child, self.shortest)
            self.add_module(name, child)
        if self.gated:
            linear = self.gru_rel_pos_linear
            del self.gru_rel_pos_linear
            # The gate takes sums of four of its outputs each.
            self.register_buffer("gate_weight", _sums_of_four(linear.weight))
            self.register_buffer("gate_bias", _sums_of_four(linear.bias))

    def forward(self, hidden: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
        """[B, T, H] -> [B, T, H]; `bias` is what `DistanceBias` gives."""
        frames = hidden.shape[1]
        if frames < self.shortest:
            return super().forward(hidden, bias, mask)
        lengths = [frames] * len(hidden) if mask is None else mask.sum(1).tolist()
        backwards = hidden.flip(1)
        query, key, value = self.q_proj(hidden), self.k_proj(backwards), self.v_proj(backwards)
        attended = self.attend(
            self._split(query) / math.sqrt(self.head_width),
            self._split(key),
            self._split(value),
            lengths,
            self._gate(hidden) if self.gated and bias is not None else None,
            bias,
        )
        return self.out_proj(attended.flatten(2))

    @staticmethod
    def attend(
        query: Tensor, key: Tensor, value: Tensor, lengths: list[int], gate: Tensor | None, table: Tensor | None
    ) -> Tensor:
        """See `block_attention`."""
        return block_attention(query, key, value, lengths, gate, table)

    def _gate(self, hidden: Tensor) -> Tensor:
        # Heads stay where they are, as they would have to be copied to their places first.
        sums = F.linear(hidden.unflatten(-1, (self.heads, self.head_width)), self.gate_weight, self.gate_bias)
        a, b = sums.sigmoid().chunk(2, dim=-1)
        return (a * (b * self.gru_rel_pos_const.view(self.heads, 1) - 1.0) + 2.0).transpose(1, 2)


def _sums_of_four(values: Tensor) -> Tensor:
    return values.detach().float().unflatten(0, (2, 4)).sum(1).to(values.dtype)


def block_attention(
    query: Tensor, key: Tensor, value: Tensor, lengths: list[int], gate: Tensor | None, table: Tensor | None
) -> Tensor:
    """Softmax attention of every item to its own frames, with time running backwards in keys and values.

    Args:
        query: [B, heads, T, D], scaled already.
        key, value: [B, heads, T, D]; frame j of time is at T - 1 - j, so that padding comes first.
        lengths: real frames of each item, at least one.
        gate, table: [B, heads, T, 1] and [heads, 2 T - 1]: the score of query i and key position j gets
            gate[i] * table[i + j]. Or None, for no bias.

    Returns:
        [B, T, heads, D]; beyond an item's length finite and meaningless.
    """
    query, key = query.contiguous(), key.contiguous()
    batch, heads, frames, width = query.shape
    result = query.new_zeros(batch, frames, heads, width)
    rows = None if table is None else table.unfold(1, frames, 1)  # [heads, T, T]; a view, so it costs nothing
    for item, length in enumerate(lengths):
        span = min(rounded(length), frames)
        size = _block_size(span, BLOCK)
        for head in range(heads):
            keys = key[item, head, frames - span :]
            values = value[item, head, frames - span :].t().contiguous()  # oneDNN is very slow with strided weights
            for start in range(0, span, size):
                block = slice(start, min(start + size, span))
                scores = _product(query[item, head, block], keys)
                if gate is not None and rows is not None:
                    scores.addcmul_(gate[item, head, block], rows[head, block, frames - span :])
                scores[:, : span - length] = -math.inf
                result[item, block, head] = _product(torch.softmax(scores, -1, out=scores), values)
    return result


def causal_block_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As `attention.causal_attention`, [B, heads, T, D]; a block of queries sees the keys up to its own end."""
    batch, heads, frames, width = query.shape
    if frames < SHORTEST:
        return causal_attention(query, key, value)
    # What is added at the end is seen by nothing before it.
    query, key, value = (F.pad(part, (0, 0, 0, -frames % STEP)).contiguous() for part in (query, key, value))
    query = query / math.sqrt(width)
    real_frames, frames = frames, query.shape[2]
    result = query.new_empty(batch, frames, heads, width)
    size = _block_size(frames, CAUSAL_BLOCK)
    later = query.new_full((size, size), -math.inf).triu(1)
    for item in range(batch):
        for head in range(heads):
            values = value[item, head].t().contiguous()
            for start in range(0, frames, size):
                end = min(start + size, frames)
                scores = _product(query[item, head, start:end], key[item, head, :end])
                scores[:, start:] += later[: end - start, : end - start]
                weights = torch.softmax(scores, -1, out=scores)
                result[item, start:end, head] = _product(weights, values[:, :end].contiguous())
    return result.transpose(1, 2)[:, :, :real_frames]


def _block_size(frames: int, most: int) -> int:
    """Queries in a block: equal parts of at most so many, rounded."""
    return rounded(-(-frames // -(-frames // most)))


def _product(values: Tensor, weight: Tensor) -> Tensor:
    """`values` [M, K] times the transpose of `weight` [N, K]."""
    return torch.ops.mkldnn._linear_pointwise(values, weight, None, "none", [], "")


def rounded(frames: int) -> int:
    """Frames, up to a multiple of `STEP`."""
    return -(-frames // STEP) * STEP
