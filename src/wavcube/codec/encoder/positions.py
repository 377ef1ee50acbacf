"""Position embeddings of the encoder's transformer, on [B, T, H]: convolutions over time, and Whisper's sinusoids."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.blocks.masking import zero_beyond
from wavcube.codec.encoder_config import EncoderConfig


def position_embedding(config: EncoderConfig) -> nn.Module:
    """What the family has: called with hidden states [B, T, H] and their mask [B, T], gives what is added to them."""
    if config.family == "whisper":
        return SinusoidalPositions(config)
    return PositionConvolution(config) if config.position_layers == 1 else PositionConvolutionStack(config)


class _WeightNorm(nn.Module):
    """Length and direction of a weight, under the names that torch gives them."""

    def __init__(self, direction: Tensor) -> None:
        super().__init__()
        self.original0 = nn.Parameter(torch.norm_except_dim(direction, 2, 2))
        self.original1 = nn.Parameter(direction)

    def forward(self) -> Tensor:
        return torch._weight_norm(self.original1, self.original0, 2)


class WeightNormConvolution(GroupedConv1d):
    """A convolution with weight norm over each position of its kernel.

    torch's own gives every module a class of its own, which neither pickle nor a process that is started can carry.
    """

    bias: nn.Parameter

    def __init__(self, channels_in: int, channels: int, kernel: int, *, padding: int, groups: int) -> None:
        super().__init__(channels_in, channels, kernel, padding=padding, groups=groups)
        direction = self._parameters.pop("weight")
        assert direction is not None
        self.parametrizations = nn.ModuleDict({"weight": _WeightNorm(direction.detach())})

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        return self.parametrizations["weight"]()


class PositionConvolution(nn.Module):
    """Position embedding by one weight-normed grouped convolution over time, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        kernel = config.position_kernel
        self.conv = WeightNormConvolution(
            config.width, config.width, kernel, padding=kernel // 2, groups=config.position_groups
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        # An even kernel makes one frame too many.
        return F.gelu(self.conv(hidden.transpose(1, 2))[..., : hidden.shape[1]]).transpose(1, 2)


class PositionConvolutionLayer(nn.Module):
    """One of data2vec-audio's convolutions, with a layer norm that has no parameters."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        kernel = config.position_kernel
        self.conv = GroupedConv1d(
            config.width, config.width, kernel, padding=kernel // 2, groups=config.position_groups
        )

    def forward(self, hidden: Tensor) -> Tensor:
        values = self.conv(hidden.transpose(1, 2))[..., : hidden.shape[1]].transpose(1, 2)
        return F.gelu(F.layer_norm(values, values.shape[-1:]))


class PositionConvolutionStack(nn.Module):
    """Position embedding of data2vec-audio: several small convolutions, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PositionConvolutionLayer(config) for _ in range(config.position_layers))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            hidden = layer(zero_beyond(hidden, mask))  # alone, an item is followed by zeros at every convolution
        return hidden


class SinusoidalPositions(nn.Module):
    """Whisper's position embedding [T, H]: sines, then cosines, of wavelengths from 2 pi to 20,000 pi frames."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.width = config.width

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        half = self.width // 2
        step = math.log(10_000) / (half - 1)
        scale = torch.exp(-step * torch.arange(half, device=hidden.device, dtype=torch.float32))
        angle = torch.arange(hidden.shape[1], device=hidden.device, dtype=torch.float32)[:, None] * scale
        return torch.cat([angle.sin(), angle.cos()], dim=1).to(hidden.dtype)
