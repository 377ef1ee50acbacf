"""The wav2vec 2.0 family's feature encoder: normalised waveform [B, S] -> convolutions [B, T, C] at 50 Hz."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, widened
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.framing import SAMPLE_RATE


def normalize_waveform(waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Zero mean and unit variance of every item over its own samples; zeros beyond its end.

    Args:
        waveform: [B, S], float32.
        lengths: [B], valid samples; None when all are.

    Agrees with transformers' `Wav2Vec2FeatureExtractor` (biased variance, 1e-7 under the root).
    """
    waveform = widened(waveform)
    mask = length_mask(lengths, waveform.shape[1])
    if mask is None:
        mean = waveform.mean(1, keepdim=True)
        variance = waveform.var(1, keepdim=True, correction=0)
        return (waveform - mean) / (variance + 1e-7).sqrt()
    assert lengths is not None
    count = lengths[:, None]
    mean = waveform.masked_fill(~mask, 0.0).sum(1, keepdim=True) / count
    centred = (waveform - mean).masked_fill(~mask, 0.0)
    variance = centred.square().sum(1, keepdim=True) / count
    return centred / (variance + 1e-7).sqrt()


class ConvLayer(nn.Module):
    """One convolution of the feature encoder with its norm and GELU, on [B, C, T]."""

    def __init__(self, config: EncoderConfig, index: int) -> None:
        super().__init__()
        channels_in = config.conv_channels[index - 1] if index else 1
        channels = config.conv_channels[index]
        kernel, stride = config.conv_kernels[index], config.conv_strides[index]
        self.conv = nn.Conv1d(channels_in, channels, kernel, stride, bias=config.conv_bias)
        self.norm_over: str | None = None
        if config.conv_norm == "layer":
            self.norm_over = "channels"
            self.layer_norm: nn.Module = nn.LayerNorm(channels)
        elif index == 0:
            self.norm_over = "time"
            self.layer_norm = nn.GroupNorm(channels, channels)

    def forward(self, values: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
        values = self.conv(values)
        if self.norm_over == "channels":
            values = self.layer_norm(values.transpose(1, 2)).transpose(1, 2)
        elif self.norm_over == "time":
            values = self.norm_over_time(values, lengths, statistics)
        return F.gelu(values)

    def norm_over_time(
        self, values: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Group norm of each channel over an item's own frames, or by statistics of a longer recording."""
        norm = self.layer_norm
        assert isinstance(norm, nn.GroupNorm)
        mask = length_mask(lengths, values.shape[2])
        if statistics is None and mask is None:
            return norm(values)
        mean, variance = statistics or masked_moments(values, mask)
        scale = norm.weight * (variance + norm.eps).rsqrt()
        return ((values - mean[..., None]) * scale[..., None] + norm.bias[:, None]).to(values.dtype)


def masked_moments(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance [B, C], in float32, of [B, C, T] over the frames where `mask` [B, T] is true."""
    values = widened(values)
    if mask is None:
        return values.mean(2), values.var(2, correction=0)
    weights = mask[:, None].to(values.dtype)
    count = weights.sum(2)
    mean = (values * weights).sum(2) / count
    return mean, ((values - mean[..., None]).square() * weights).sum(2) / count


class ConvFeatureEncoder(nn.Module):
    """The convolutional feature encoder: normalised waveform [B, S] -> [B, T, C] at 50 Hz."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.kernels, self.strides = config.conv_kernels, config.conv_strides
        self.conv_layers = nn.ModuleList(ConvLayer(config, i) for i in range(len(config.conv_channels)))

    def forward(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """`statistics` [B, C] x 2, when given, stand in for the group norm's own (long audio, in chunks)."""
        values = waveform[:, None]
        for layer, kernel, stride in zip(self.conv_layers, self.kernels, self.strides, strict=True):
            if lengths is not None:
                lengths = (lengths - kernel) // stride + 1
            values = layer(values, lengths, statistics)
        return values.transpose(1, 2)

    def statistics(self, waveform: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor] | None:
        """What `forward` takes as `statistics` for parts of one long recording: None without a norm over time.

        Args:
            waveform: [S], the whole recording, on any device.
            mean, scale: what normalises it.
        """
        first = self.conv_layers[0]
        if not isinstance(first, ConvLayer) or first.norm_over != "time":
            return None
        weight = first.conv.weight
        kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
        frames = (len(waveform) - kernel) // stride + 1
        block = 30 * SAMPLE_RATE // stride
        total = torch.zeros(2, weight.shape[0], dtype=torch.float64)
        for start in range(0, frames, block):
            count = min(block, frames - start)
            samples = waveform[stride * start : stride * (start + count - 1) + kernel]
            values = first.conv(((samples - mean) * scale)[None, None].to(weight))[0].double()
            total += torch.stack([values.sum(1), values.square().sum(1)]).cpu()
        average = total[0] / frames
        variance = total[1] / frames - average.square()
        # Not in the weights' type: in half precision a variance may overflow.
        return average.float()[None].to(weight.device), variance.float()[None].to(weight.device)


class FeatureProjection(nn.Module):
    """Features of the convolutions, or pairs of log-mel frames, [B, T, C] -> the layers' width [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        channels = 2 * config.mel_bins if config.takes_mel else config.conv_channels[-1]
        self.layer_norm = nn.LayerNorm(channels, config.layer_norm_eps) if config.projection_norm else nn.Identity()
        self.projection = nn.Linear(channels, config.width)

    def forward(self, values: Tensor) -> Tensor:
        return self.projection(self.layer_norm(values))
