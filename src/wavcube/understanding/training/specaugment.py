"""SpecAugment on frozen frames (Park et al. 2019), as SUPERB's recipes of speech recognition and slot filling have it.

SUPERB masks channels of the representation itself: four masks of up to 50 channels, whatever the width. That hides
9 % of a feature 1,024 wide on average, but 55 % of a latent 128 wide and 70 % of 80 mel bands. The form "published"
does just that and is comparable with published figures; "scaled" hides the same share at every width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.understanding.config import SpecAugmentForm

CHANNEL_MASKS, WIDEST_CHANNEL_MASK = 4, 50
TIME_MASKS, WIDEST_TIME_MASK = 2, 40
WARP = 5
REFERENCE_WIDTH = 1024
"""Width at which the published and the scaled form are the same."""


class SpecAugment(nn.Module):
    """Time warp, time masks and channel masks on frames [B, T, C]; masked values are zero.

    Args:
        form: "published" or "scaled".
        dim: channels.
    """

    def __init__(self, form: SpecAugmentForm, dim: int) -> None:
        super().__init__()
        self.widest = WIDEST_CHANNEL_MASK
        if form == "scaled":
            self.widest = max(1, round(WIDEST_CHANNEL_MASK * dim / REFERENCE_WIDTH))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Frames as augmented; `lengths` [B] are unchanged."""
        values = values.clone()
        for item, length in zip(values, lengths.tolist(), strict=True):
            item[:length] = time_warp(item[:length])
            mask_spans(item[:length], 0, TIME_MASKS, WIDEST_TIME_MASK)
            mask_spans(item, 1, CHANNEL_MASKS, self.widest)
        return values


def mask_spans(values: Tensor, axis: int, count: int, widest: int) -> None:
    """Set `count` spans along `axis` of [T, C] to zero, each of a uniform width below `widest`."""
    size = values.shape[axis]
    for _ in range(count):
        width = min(int(torch.randint(widest, ())), size)
        start = int(torch.randint(max(1, size - width), ()))
        values.narrow(axis, start, min(width, size - start)).zero_()


def time_warp(values: Tensor) -> Tensor:
    """Move a random frame of [T, C] by up to `WARP` frames, stretching one side and shrinking the other."""
    frames = len(values)
    if frames - WARP <= WARP:
        return values
    centre = int(torch.randint(WARP, frames - WARP, ()))
    moved = int(torch.randint(centre - WARP, centre + WARP, ())) + 1
    parts = [
        F.interpolate(part[None, None], (size, values.shape[1]), mode="bicubic", align_corners=False)[0, 0]
        for part, size in ((values[:centre], moved), (values[centre:], frames - moved))
        if size > 0
    ]
    return torch.cat(parts)
