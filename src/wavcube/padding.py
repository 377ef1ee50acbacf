"""Padded batches: which entries of an item are its own."""

import torch
from torch import Tensor


def valid_mask(lengths: Tensor, size: int) -> Tensor:
    """Mask [B, size] on the device of `lengths` [B], true where an entry belongs to its item."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]
