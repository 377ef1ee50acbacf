"""Frames -> frames in one pass: the transformer of what is regressed, from the blocks of the diffusion transformer.

Padded frames are seen by none, so a batch gives what its items give alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.attention import Rotary
from wavcube.codec.blocks.masking import length_mask
from wavcube.generation.flow.config import check_block_sizes
from wavcube.generation.flow.transformer import Attention, ConvolutionalPosition


@dataclass(frozen=True)
class FrameTransformerConfig:
    """Sizes of the transformer.

    Attributes:
        width, layers, heads: of the transformer.
        feed_forward: hidden width of the feed-forward, in multiples of `width`.
        dropout: after attention and inside the feed-forward, in training.
        position_kernel, position_groups: kernel size and groups of the convolutional position embedding.
    """

    width: int = 256
    layers: int = 5
    heads: int = 4
    feed_forward: int = 2
    dropout: float = 0.0
    position_kernel: int = 15
    position_groups: int = 16

    def __post_init__(self) -> None:
        check_block_sizes(self)


class Layer(nn.Module):
    """A transformer layer with norms before its parts."""

    def __init__(self, config: FrameTransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.feed_forward * config.width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Dropout(config.dropout), nn.Linear(hidden, width)
        )

    def forward(self, hidden: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:
        hidden = hidden + self.attention(self.attention_norm(hidden), rotary, mask)
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


class FrameTransformer(nn.Module):
    """Frames [B, T, inputs] -> frames [B, T, outputs]; zeros at first, as the last layer begins at zero.

    Args:
        inputs, outputs: channels of a frame.
        config: sizes.
    """

    def __init__(self, inputs: int, outputs: int, config: FrameTransformerConfig) -> None:
        super().__init__()
        self.head_width = config.width // config.heads
        self.input = nn.Linear(inputs, config.width)
        self.position = ConvolutionalPosition(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, outputs)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames [B, T, outputs]; what they are on padded frames has no meaning.

        Args:
            frames: [B, T, inputs].
            lengths: [B], frames of each item; None where all have T.
        """
        mask = length_mask(lengths, frames.shape[1])
        hidden = self.input(frames)
        hidden = hidden + self.position(hidden, mask)
        rotary = Rotary(frames.shape[1], self.head_width, 10_000.0, hidden.device, torch.float32)
        for layer in self.layers:
            hidden = layer(hidden, rotary, mask)
        return self.output(self.output_norm(hidden))
