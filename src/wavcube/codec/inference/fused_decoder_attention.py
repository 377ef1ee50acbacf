"""The acoustic decoder's attention of a prepared model: one product for queries, keys and values, one rotation."""

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.attention import Rotary
from wavcube.codec.decoder import Attend, DecoderAttention


class FusedDecoderAttention(DecoderAttention):
    """`DecoderAttention` with its three projections as one, whose outputs stay as they lie; inference only."""

    def __init__(self, plain: DecoderAttention) -> None:
        nn.Module.__init__(self)
        self.heads, self.output = plain.heads, plain.output
        parts = (plain.query, plain.key, plain.value)
        width = plain.query.in_features
        self.projections = nn.Linear(width, 3 * width, device="meta")
        biases = [plain.query.weight.new_zeros(width) if part.bias is None else part.bias.detach() for part in parts]
        weight = torch.cat([part.weight.detach() for part in parts])
        self.projections.weight = nn.Parameter(weight, requires_grad=False)
        self.projections.bias = nn.Parameter(torch.cat(biases), requires_grad=False)

    def forward(self, hidden: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        projected = self.projections(hidden).unflatten(-1, (3 * self.heads, -1))  # [B, T, 3 * heads, D]
        both, value = projected.split([2 * self.heads, self.heads], dim=2)
        query, key = _rotated(both, rotary).transpose(1, 2).chunk(2, dim=1)
        return self.output(attend(query, key, value.transpose(1, 2)).transpose(1, 2).flatten(2))


def _rotated(values: Tensor, rotary: Rotary) -> Tensor:
    """As `rotary`, of [B, T, heads, D], in fewer passes, and none over rows as short as one head."""
    cosines, sines = rotary.spread(values.shape[2])
    first, second = values.chunk(2, dim=-1)
    return (values * cosines).addcmul_(torch.cat([second, first], dim=-1), sines)
