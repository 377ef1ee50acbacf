"""Frame counts of waveforms, and masks of the real frames of a padded batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wavcube.padding import valid_mask


def conv_frames(samples: Tensor, kernels: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Frames that a stack of unpadded convolutions makes of so many samples.

    With the kernels and strides of WavLM this is floor((n - 400) / 320) + 1; never below 0.
    """
    frames = samples
    for kernel, stride in zip(kernels, strides, strict=True):
        frames = ((frames - kernel) // stride + 1).clamp_min(0)
    return frames


def length_mask(lengths: Tensor | None, size: int) -> Tensor | None:
    """Mask [B, size], true where an item is real; None when there is nothing to mask."""
    if lengths is None or bool((lengths >= size).all()):
        return None
    return valid_mask(lengths, size)


def widened(values: Tensor) -> Tensor:
    """`values` in float32, or what is wider: sums over time overflow in float16, and lose digits in bfloat16."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def zero_beyond(values: Tensor, mask: Tensor | None) -> Tensor:
    """`values` [B, T, ...] with zeros where `mask` [B, T] is false: what an item sees beyond its end when alone."""
    return values if mask is None else values.masked_fill(~mask.view(*mask.shape, *(1,) * (values.dim() - 2)), 0.0)
