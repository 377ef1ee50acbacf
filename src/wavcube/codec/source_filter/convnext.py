"""ConvNeXt blocks over time (arXiv 2201.03545, as in Vocos), on [B, T, C]."""

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.grouped_convolution import GroupedConv1d

KERNEL = 7


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution, layer norm and a feed-forward, added to the input with a learnt scale a channel.

    `reach`: frames to both sides that a frame depends on.
    """

    reach = KERNEL // 2

    def __init__(self, width: int, feed_forward: int) -> None:
        super().__init__()
        self.conv = GroupedConv1d(width, width, KERNEL, padding=self.reach, groups=width)
        self.norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, feed_forward), nn.GELU(), nn.Linear(feed_forward, width))
        self.scale = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, T, C] -> [B, T, C]; what is beyond an item's end has to be zero."""
        values = self.conv(hidden.transpose(1, 2)).transpose(1, 2)
        return hidden + self.feed_forward(self.norm(values)) * self.scale
