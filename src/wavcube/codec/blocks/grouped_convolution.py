"""Grouped convolutions over time that are right in half precision on every processor."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NARROW_GROUP = 8
"""Channels a group below which CPUs do not compute in half precision.

On Intel processors with amx_bf16, oneDNN 3.12 (torch 2.13) gives results that are 40 to 80 % off in bfloat16 for groups
of 4 channels and kernels of 128 frames; 8 and more channels a group are right.
"""

HALF = (torch.bfloat16, torch.float16)


def has_narrow_groups(channels: int, groups: int) -> bool:
    """Whether so many channels in so many groups are computed in float32 on CPUs."""
    return channels // groups < NARROW_GROUP


class GroupedConv1d(nn.Conv1d):
    """`nn.Conv1d` that on a CPU computes narrow groups in float32, whatever the type of values and weights.

    Input [B, C_in, T], output [B, C_out, T'] in the type that `nn.Conv1d` would give, also under autocast. Such
    convolutions are a small part of small models, so float32 costs little.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if input.device.type != "cpu" or not has_narrow_groups(self.in_channels, self.groups):
            return super()._conv_forward(input, weight, bias)
        autocast = torch.is_autocast_enabled("cpu")
        if not autocast and input.dtype not in HALF:
            return super()._conv_forward(input, weight, bias)
        result_type = torch.get_autocast_dtype("cpu") if autocast else input.dtype
        with torch.autocast("cpu", enabled=False):
            values = F.conv1d(
                input.float(),
                weight.float(),
                None if bias is None else bias.float(),
                self.stride,
                self.padding,
                self.dilation,
                self.groups,
            )
        return values.to(result_type)
