"""SUPERB's heads on frozen frames, shared by the tasks."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.padding import valid_mask
from wavcube.understanding.training.specaugment import SpecAugment


class Probe(nn.Module):
    """Frames as they lie in the cache -> outputs of a head: standardised, layers mixed, augmented in training.

    Args:
        head: takes frames [B, T, C] and lengths [B].
        mean, deviation: [C] or [L, C], of the training split.
        augment: masks frames in training, or None.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, head: nn.Module, mean: Tensor, deviation: Tensor, augment: SpecAugment | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp_min(1e-5))
        self.layer_weights = nn.Parameter(torch.zeros(len(mean))) if mean.dim() == 2 else None
        self.head = head
        self.augment = augment

    def forward(self, values: Tensor, lengths: Tensor) -> Any:
        """Outputs of the head for [B, T, C], or for [B, L, T, C] whose layers are mixed by learned weights."""
        if self.layer_weights is None:
            values = (values - self.mean) / self.deviation
        else:
            values = (values - self.mean[:, None]) / self.deviation[:, None]
            values = torch.einsum("l,bltc->btc", self.layer_weights.softmax(0), values)
        if self.training and self.augment is not None:
            values = self.augment(values, lengths)
        return self.head(values, lengths)


class PooledLinear(nn.Module):
    """Linear, mean over time, linear: one output vector a recording, [B, outputs]."""

    def __init__(self, dim: int, width: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.classify = nn.Linear(width, outputs)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        # The mean of projections is the projection of the mean, which is one frame's work and not all frames'.
        mask = valid_mask(lengths, values.shape[1]).to(values.dtype)
        mean = torch.bmm(mask[:, None], values)[:, 0] / lengths[:, None]
        return self.classify(self.project(mean))


class FrameLinear(nn.Module):
    """Two linear layers at every frame, [B, T, outputs]."""

    def __init__(self, dim: int, width: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.classify = nn.Linear(width, outputs)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        # Nothing lies between the two layers, so their product does the same with a fraction of the work.
        weight = self.classify.weight @ self.project.weight
        bias = F.linear(self.project.bias, self.classify.weight, self.classify.bias)
        return F.linear(values, weight, bias)


class Recurrent(nn.Module):
    """Linear (unless `projects` is false), bidirectional LSTM, linear at every frame, [B, T, outputs].

    The directions are networks of their own, and the second one reads each item backwards from its own last frame. That
    computes what a bidirectional LSTM on packed sequences does, which on a CPU takes ten times as long.
    """

    def __init__(
        self, dim: int, width: int, depth: int, dropout: float, outputs: int, *, projects: bool = True
    ) -> None:
        super().__init__()
        self.project: nn.Module = nn.Linear(dim, width) if projects else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        sizes = [width if projects else dim, *[2 * width] * (depth - 1)]
        self.forwards, self.backwards = (
            nn.ModuleList(nn.LSTM(size, width, batch_first=True) for size in sizes) for _ in range(2)
        )
        self.classify = nn.Linear(2 * width, outputs)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        hidden = self.project(values)
        order = reversal(lengths.to(values.device), values.shape[1])
        for onwards, backwards in zip(self.forwards, self.backwards, strict=True):
            later = reordered(backwards(reordered(hidden, order))[0], order)
            hidden = self.dropout(torch.cat([onwards(hidden)[0], later], 2))
        return self.classify(hidden)


class MaskNetwork(nn.Module):
    """Bidirectional LSTMs and masks that are not negative, [B, upsample * T, masks * bins].

    Args:
        dim: channels of a frame.
        width, depth, dropout: of the LSTMs.
        outputs: masks * bins.
        upsample: times that each frame is repeated first.
    """

    def __init__(self, dim: int, width: int, depth: int, dropout: float, outputs: int, upsample: int = 1) -> None:
        super().__init__()
        self.upsample = upsample
        self.recurrent = Recurrent(dim, width, depth, dropout, outputs, projects=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        values = values.repeat_interleave(self.upsample, 1)
        return F.relu(self.recurrent(values, lengths * self.upsample))


class Diariser(nn.Module):
    """One LSTM, and for each speaker whether he speaks at every frame: logits [B, T, speakers]."""

    def __init__(self, dim: int, width: int, speakers: int = 2) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, width, 1, batch_first=True)
        self.classify = nn.Linear(width, speakers)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        # What comes after an item's end does not reach back into it.
        return self.classify(self.lstm(values)[0])


class XVector(nn.Module):
    """Time-delay network, statistics pooling, embedding [B, width] (Snyder et al. 2018, without its second layer).

    Args:
        dim: channels of a frame.
        width: of the network (512 in SUPERB); the layer before pooling has three times as many, less a bit (1,500).
        speakers: that training distinguishes.
    """

    MARGIN, SCALE = 0.4, 30.0

    def __init__(self, dim: int, width: int, speakers: int) -> None:
        super().__init__()
        wide = width * 1500 // 512
        self.project = nn.Linear(dim, width)
        shapes = ((width, 5, 1), (width, 3, 2), (width, 3, 3), (width, 1, 1), (wide, 1, 1))
        sizes = [width, *(out for out, _, _ in shapes)]
        # Padded, so that recordings shorter than the network's 15 frames have an embedding too.
        self.layers = nn.ModuleList(
            nn.Conv1d(size, out, kernel, dilation=dilation, padding=dilation * (kernel // 2))
            for size, (out, kernel, dilation) in zip(sizes, shapes, strict=False)
        )
        self.embed = nn.Linear(2 * wide, width)
        self.speakers = nn.Parameter(torch.empty(speakers, width))
        nn.init.xavier_normal_(self.speakers)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        mask = valid_mask(lengths, values.shape[1])[:, None]
        hidden = self.project(values).transpose(1, 2)
        for layer in self.layers:
            hidden = F.relu(layer(hidden * mask))
        count = lengths[:, None].to(hidden.dtype)
        mean = (hidden * mask).sum(2) / count
        variance = ((hidden - mean[..., None]).square() * mask).sum(2) / count
        return self.embed(torch.cat([mean, (variance + 1e-8).sqrt()], 1))

    def loss(self, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Additive-margin softmax (Wang et al. 2018): scale 30, margin 0.4."""
        cosines = F.normalize(embeddings) @ F.normalize(self.speakers).T
        margins = F.one_hot(targets, len(self.speakers)) * self.MARGIN
        return F.cross_entropy(self.SCALE * (cosines - margins), targets)


def reversal(lengths: Tensor, frames: int) -> Tensor:
    """[B, T]: the frames of each item from its last to its first, then what lies beyond."""
    places = torch.arange(frames, device=lengths.device)[None]
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def reordered(values: Tensor, order: Tensor) -> Tensor:
    """Frames [B, T, C] in an order [B, T]; under that of `reversal` twice, they are as they were."""
    return values.gather(1, order[..., None].expand_as(values))


def parameter_count(module: nn.Module) -> int:
    """Trainable numbers of a head."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters() if parameter.requires_grad)
