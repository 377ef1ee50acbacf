"""Text -> an embedding for each of its tokens: a table, absolute positions, and ConvNeXt V2 blocks.

The text is prepended, a token a frame, and the frames behind its end are filler; or its tokens are spread uniformly
over all frames; or each is put on the frames where it is spoken. Filler is zero before and after every block
and takes no part in a norm, so a text gets the same embedding whatever it is padded to, and the text that guidance
leaves out, filler only, is zero.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.blocks.masking import widened, zero_beyond
from wavcube.generation.flow.config import TransformerConfig
from wavcube.generation.tts.text.vocabulary import FILLER


class ResponseNorm(nn.Module):
    """Global response normalisation (ConvNeXt V2, arXiv 2301.00808) over the real positions of [B, N, C]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        response = zero_beyond(widened(values), mask).square().sum(1, keepdim=True).sqrt()
        relative = (response / (response.mean(-1, keepdim=True) + 1e-6)).to(values.dtype)
        return self.scale * (values * relative) + self.shift + values


class ConvNeXtBlock(nn.Module):
    """Depth-wise convolution over 7 positions, then two layers at each, with a residual; [B, N, C] -> [B, N, C]."""

    def __init__(self, width: int, expansion: int = 2) -> None:
        super().__init__()
        self.depthwise = GroupedConv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, expansion * width)
        self.response_norm = ResponseNorm(expansion * width)
        self.reduce = nn.Linear(expansion * width, width)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """`mask` [B, N] is true on tokens; what lies beyond must be zero, and stays so."""
        mixed = self.depthwise(values.transpose(1, 2)).transpose(1, 2)
        expanded = self.response_norm(F.gelu(self.expand(self.norm(mixed))), mask)
        return zero_beyond(values + self.reduce(expanded), mask)


class TextEmbedding(nn.Module):
    """Tokens -> embeddings.

    Args:
        tokens: size of the vocabulary.
        config: sizes.
    """

    def __init__(self, tokens: int, config: TransformerConfig) -> None:
        super().__init__()
        self.width, self.text_alignment = config.text_width, config.text_alignment
        self.table = nn.Embedding(tokens + 1, config.text_width)  # a row for filler, as in the published models
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.text_width) for _ in range(config.text_layers))

    def forward(self, text: Tensor, lengths: Tensor, ends: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] for the frames of each item, zeros where there is no token.

        Args:
            text: token ids [B, N], filler behind each text's end.
            lengths: [B], frames of each item; T is the largest.
            ends: [B, N], the frame at which each token ends, rising; needed and used by the alignment "duration" only.
        """
        mask = text != FILLER
        values = zero_beyond(self.table(text) + self._positions(text.shape[1], text.device), mask)
        for block in self.blocks:
            values = block(values, mask)
        frames = int(lengths.max())
        if self.text_alignment == "prepend":
            return F.pad(values, (0, 0, 0, frames - text.shape[1]))
        if self.text_alignment == "uniform":
            count = torch.arange(1, text.shape[1] + 1, device=text.device)
            ends = count * lengths[:, None] / mask.sum(1, keepdim=True)
        elif ends is None:
            raise ValueError("the text alignment by duration needs the ends of the tokens")
        index = torch.arange(frames, device=text.device)
        middles = (index + 0.5).expand(len(text), -1).contiguous()
        token = torch.searchsorted(ends.float().contiguous(), middles, right=True)  # the first that ends later
        token = torch.minimum(token, mask.sum(1, keepdim=True) - 1).clamp_min(0)  # or the last
        placed = values.gather(1, token[..., None].expand(-1, -1, self.width))
        return zero_beyond(placed, index < lengths[:, None])

    def _positions(self, count: int, device: torch.device) -> Tensor:
        """[N, D]: cosines, then sines, of the position at D / 2 frequencies from 1 down to 1 / 10,000."""
        steps = torch.arange(0, self.width, 2, device=device, dtype=torch.float32) / self.width
        angle = torch.arange(count, device=device, dtype=torch.float32)[:, None] * torch.exp(-math.log(1e4) * steps)
        return torch.cat([angle.cos(), angle.sin()], -1).to(self.table.weight.dtype)
