"""Self-attention of a prepared model in bfloat16: products of several heads, and of several short items, at once.

In bfloat16 torch's batched products are oneDNN's, as fast as one product after the other and with fewer calls; the
softmax computes in float32 and gives bfloat16. Written out, all of it takes half the time of torch's own kernel.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.codec.blocks.attention import LocalAttention, SelfAttention
from wavcube.codec.inference.onednn_attention import STEP, BlockAttention, causal_block_attention, rounded

SCORES = 2**21
"""Most scores at once, 4 MB: more leave the cache, with fewer there are more calls."""

BLOCK, CAUSAL_BLOCK = 512, 256
"""Most queries at once. Blocks of causal attention skip what is not seen."""


class HalfAttention(BlockAttention):
    """`SelfAttention` through `half_attention`; made from the plain one, whose parts it takes over. Inference only."""

    shortest = 0

    @staticmethod
    def attend(
        query: Tensor, key: Tensor, value: Tensor, lengths: list[int], gate: Tensor | None, table: Tensor | None
    ) -> Tensor:
        """See `half_attention`."""
        return half_attention(query, key, value, lengths, gate, table)


def fast_attention(plain: SelfAttention) -> BlockAttention:
    """The prepared form of an encoder's attention, for the type that its weights have."""
    return HalfAttention(plain) if plain.q_proj.weight.dtype == torch.bfloat16 else BlockAttention(plain)


def fast_causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As `attention.causal_attention`, in the way that is fast for their type."""
    attend = causal_half_attention if query.dtype == torch.bfloat16 else causal_block_attention
    return attend(query, key, value)


def half_attention(
    query: Tensor, key: Tensor, value: Tensor, lengths: list[int], gate: Tensor | None, table: Tensor | None
) -> Tensor:
    """As `onednn_attention.block_attention`, in bfloat16 and at any length.

    Items that fit in together are computed over the same frames, longer ones each over its own.
    """
    batch, heads, frames, width = query.shape
    result = query.new_zeros(batch, frames, heads, width)
    rows = None if table is None else table.unfold(1, frames, 1)  # [heads, T, T]; a view, so it costs nothing
    together = max(1, SCORES // (heads * frames * frames))
    for first in range(0, batch, together):
        items = slice(first, min(first + together, batch))
        span = min(rounded(max(lengths[items])), frames)
        size = min(span, BLOCK)
        count = max(1, SCORES // (size * span * (items.stop - first)))
        for start in range(0, span, size):
            block = slice(start, min(start + size, span))
            for head in range(0, heads, count):
                some = slice(head, head + count)
                scores = torch.matmul(query[items, some, block], key[items, some, frames - span :].transpose(2, 3))
                if gate is not None and rows is not None:
                    scores.addcmul_(gate[items, some, block], rows[some, block, frames - span :])
                for row, length in zip(scores, lengths[items], strict=True):
                    row[..., : span - length] = -math.inf
                torch.softmax(scores, -1, out=scores)
                attended = torch.matmul(scores, value[items, some, frames - span :])
                result[items, block, some] = attended.transpose(1, 2)
    return result


def causal_half_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As `attention.causal_attention`, in bfloat16, [B, heads, T, D]; a block sees the keys up to its own end."""
    batch, heads, real_frames, width = query.shape
    # What is added at the end is seen by nothing before it.
    query, key, value = (F.pad(part, (0, 0, 0, -real_frames % STEP)) for part in (query, key, value))
    query, frames = query / math.sqrt(width), query.shape[2]
    result = query.new_empty(batch, frames, heads, width)
    size = min(frames, CAUSAL_BLOCK)
    later = query.new_full((size, size), -math.inf).triu(1)
    for start in range(0, frames, size):
        end = min(start + size, frames)
        items = max(1, SCORES // (heads * size * end))
        count = max(1, SCORES // (size * end))
        for first in range(0, batch, items):
            for head in range(0, heads, count):
                part = slice(first, first + items), slice(head, head + count)
                scores = torch.matmul(query[*part, start:end], key[*part, :end].transpose(2, 3))
                scores[..., start:] += later[: end - start, : end - start]
                torch.softmax(scores, -1, out=scores)
                result[part[0], start:end, part[1]] = torch.matmul(scores, value[*part, :end]).transpose(1, 2)
    return result.transpose(1, 2)[:, :, :real_frames]


class HalfLocalAttention(LocalAttention):
    """`LocalAttention` in bfloat16, written out, with as many keys a block as fill whole vectors."""

    def __init__(self, like: Tensor, back: int, ahead: int, mask: Tensor | None = None) -> None:
        super().__init__(like, back, ahead, mask, rounded(back + ahead + STEP) - back - ahead)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        scores = torch.matmul(queries / math.sqrt(queries.shape[-1]), keys.transpose(2, 3))
        scores += self.bias
        return torch.matmul(torch.softmax(scores, -1, out=scores), values)


def fast_local_attention(like: Tensor, back: int, ahead: int, mask: Tensor | None = None) -> LocalAttention:
    """Local attention in the way that is fast for the type of `like`."""
    kind = HalfLocalAttention if like.dtype == torch.bfloat16 else LocalAttention
    return kind(like, back, ahead, mask)
