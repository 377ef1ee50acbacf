"""A model prepared for fast inference on a CPU: `WavCube.optimize`.

On many CPUs the matrix products of `torch.nn.Linear` reach a fraction of what oneDNN gets from the same cores
(docs/performance.md has the figures). Here every linear layer's weight is laid out once in oneDNN's own order, in
float32, bfloat16 or int8, GELU is fused into the product before it, and the convolutional feature encoder becomes
matrix products over windows of a time-major signal. The numbers are those of the plain model within the stated error.
"""

import gc
import logging
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.attention import SelfAttention
from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.chunking import Chunking
from wavcube.codec.decoder import AcousticDecoder, DecoderAttention
from wavcube.codec.encoder import ConvFeatureEncoder, ConvLayer, PositionConvolution, SpeechEncoder
from wavcube.codec.fingerprint import Names
from wavcube.codec.inference.fused_decoder_attention import FusedDecoderAttention
from wavcube.codec.inference.half_attention import fast_attention, fast_causal_attention, fast_local_attention
from wavcube.codec.inference.onednn_attention import STEP
from wavcube.codec.inference.onednn_linear import PackedLinear, QuantizedLinear, can_pack
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import ConfigError

logger = logging.getLogger(__name__)

FAST_TYPES = (torch.float32, torch.bfloat16, torch.int8)
"""Types that a prepared model computes in; with int8 that is the linear layers, and the rest in float32."""

FAST_CHUNKING = Chunking(above=30.0, chunk=20.0, context=2.0)
"""Where the time for attention, which grows with a chunk, and that for context, which shrinks with it, balance."""

FEATURE_ENCODER_BLOCK = 32
"""Frames that the feature encoder makes at once."""

POSITION_BLOCK = 64
"""Frames that the position convolution makes at once."""

SMALLEST = 4096
"""Weights with fewer values stay as they are: a product so small gains nothing."""


NARROW = 512
"""Encoders of fewer channels lose too much in int8 (docs/performance.md)."""


class PackedFeatureEncoder(ConvFeatureEncoder):
    """The feature encoder as matrix products: [B, S] -> [B, T, C], each layer on time-major [B, T, C].

    In time-major order a window of k frames is k * C values in a row, so a convolution is a product of a strided view
    with a weight, and the layer norm over channels needs no transposition.
    """

    def __init__(self, feature_encoder: ConvFeatureEncoder) -> None:
        nn.Module.__init__(self)
        self.kernels, self.strides = feature_encoder.kernels, feature_encoder.strides
        # Their norms; the first plain one also gives long audio's statistics.
        self.conv_layers = feature_encoder.conv_layers
        self.products = nn.ModuleList(
            PackedLinear(layer.conv.weight.transpose(1, 2).flatten(1), layer.conv.bias) for layer in self._layers()
        )
        for layer in self._layers()[1:]:
            del layer.conv

    def _layers(self) -> list[ConvLayer]:
        return [layer for layer in self.conv_layers if isinstance(layer, ConvLayer)]

    def forward(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        if len(self.products) == 1 or any(layer.norm_over == "time" for layer in self._layers()):
            return self._whole(waveform, lengths, statistics)
        # Piece by piece what lies between the layers, many times what comes out of them, stays in the cache.
        hop, reach = math.prod(self.strides), 1
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            reach = (reach - 1) * stride + kernel
        starts = range(0, waveform.shape[1] - reach + 1, FEATURE_ENCODER_BLOCK * hop)
        size = (FEATURE_ENCODER_BLOCK - 1) * hop + reach
        return torch.cat([self._whole(waveform[:, start : start + size], None, None) for start in starts], dim=1)

    def _whole(self, waveform: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
        values = waveform[..., None]
        for layer, product, kernel, stride in zip(
            self._layers(), self.products, self.kernels, self.strides, strict=True
        ):
            if lengths is not None:
                lengths = (lengths - kernel) // stride + 1
            values = product(_windows(values, kernel, stride))
            if layer.norm_over == "channels":
                values = layer.layer_norm(values)
            elif layer.norm_over == "time":
                values = layer.norm_over_time(values.transpose(1, 2), lengths, statistics).transpose(1, 2)
            values = F.gelu(values)
        return values


class PackedPositionConvolution(PositionConvolution):
    """The grouped convolution over time as a matrix product for each group, GELU fused into it; inference only."""

    def __init__(self, plain: PositionConvolution) -> None:
        nn.Module.__init__(self)
        conv = plain.conv
        self.kernel, self.groups = conv.kernel_size[0], conv.groups
        weights = conv.weight.detach().transpose(1, 2).flatten(1).chunk(self.groups)
        biases = conv.bias.detach().chunk(self.groups)
        self.products = nn.ModuleList(PackedLinear(*parts, gelu=True) for parts in zip(weights, biases, strict=True))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        half = self.kernel // 2
        groups = F.pad(hidden, (0, 0, half, self.kernel - 1 - half)).chunk(self.groups, dim=-1)
        result = torch.empty_like(hidden)
        for product, group, made in zip(self.products, groups, result.chunk(self.groups, dim=-1), strict=True):
            for values, into in zip(group, made, strict=True):
                windows = _windows(values[None], self.kernel, 1)[0]
                # oneDNN writes overlapping windows out: a few of them stay in the cache.
                for some, part in zip(windows.split(POSITION_BLOCK), into.split(POSITION_BLOCK), strict=True):
                    part.copy_(product(some))
        return result


def _windows(values: Tensor, kernel: int, stride: int) -> Tensor:
    """Windows [B, T', kernel * C] of [B, T, C], a view."""
    batch, frames, channels = values.shape
    values = values.contiguous()
    count = (frames - kernel) // stride + 1
    return values.as_strided((batch, count, kernel * channels), (frames * channels, stride * channels, 1))


def optimize(model: WavCubeNetworks, dtype: torch.dtype) -> None:
    """Prepare `model` in place; see `WavCube.optimize`."""
    if model.backend != "torch":
        raise ConfigError("exported graphs are prepared by their runtime; leave optimize() or --fast out")
    if dtype not in FAST_TYPES:
        raise ConfigError(f"a prepared model computes in float32, bfloat16 or int8, not in {dtype}")
    onednn = model.device.type == "cpu" and can_pack(dtype)
    if dtype == torch.int8 and not onednn:
        raise ConfigError("int8 is for CPUs, and with a torch that has oneDNN; use bfloat16")
    if model.optimized:
        raise ConfigError("this model is prepared already; load it again to prepare it otherwise")
    if dtype == torch.int8 and model.config.encoder.width < NARROW:
        logger.warning(
            "int8 costs a model as narrow as this one (%d channels) much of its quality; bfloat16 costs little",
            model.config.encoder.width,
        )
    if dtype == torch.bfloat16 and model.device.type == "cpu" and not onednn:
        logger.warning("this processor has no fast bfloat16: results are right, and float32 or int8 is faster")
    names = Names(model.identity, model.weights_fingerprint(), str(dtype).removeprefix("torch."))
    model.requires_grad_(False)
    model.to(torch.float32 if dtype == torch.int8 else dtype)
    model.prepared_as(names)
    if onednn:
        model.frame_step = STEP
        usual = Chunking.default(model.config.encoder)
        # A Whisper with fewer positions than a chunk takes keeps its own.
        if model.chunking == usual and usual.chunk >= FAST_CHUNKING.chunk:
            model.chunking = FAST_CHUNKING
        _pack(model, dtype == torch.int8)
        gc.collect()  # weights of what was replaced that lie in reference cycles, such as those under weight norm
    else:
        for module in model.modules():
            if isinstance(module, PositionConvolution):
                module.conv = _without_weight_norm(module.conv)  # type: ignore[assignment]


def _without_weight_norm(conv: nn.Conv1d) -> nn.Conv1d:
    """The same convolution with the weight that weight norm computes, once and for all."""
    plain = GroupedConv1d(
        conv.in_channels, conv.out_channels, conv.kernel_size[0], padding=conv.padding[0], groups=conv.groups
    )
    plain.weight, plain.bias = nn.Parameter(conv.weight.detach(), requires_grad=False), conv.bias
    return plain


def _pack(parent: nn.Module, int8: bool) -> None:
    """Replace linear layers, feature encoders and attention below `parent` by their fast forms."""
    children = list(parent.named_children())
    for position, (name, child) in enumerate(children):
        if isinstance(child, SpeechEncoder) and isinstance(child.feature_extractor, ConvFeatureEncoder):
            child.feature_extractor = PackedFeatureEncoder(child.feature_extractor)
        if isinstance(child, PositionConvolution):
            setattr(parent, name, PackedPositionConvolution(child))
            continue
        if isinstance(child, AcousticDecoder):
            child.attend, child.vocoder.local_attention = fast_causal_attention, fast_local_attention
        if isinstance(child, DecoderAttention):
            child = FusedDecoderAttention(child)
            setattr(parent, name, child)
        if isinstance(child, SelfAttention):
            child = fast_attention(child)
            setattr(parent, name, child)
        if isinstance(child, nn.Linear) and child.weight.numel() >= SMALLEST:
            if int8:
                setattr(parent, name, QuantizedLinear(child.weight, child.bias))
                continue
            following = children[position + 1] if position + 1 < len(children) else ("", None)
            gelu = isinstance(following[1], nn.GELU)
            setattr(parent, name, PackedLinear(child.weight, child.bias, gelu))
            if gelu:
                setattr(parent, following[0], nn.Identity())
        elif not isinstance(child, PackedFeatureEncoder):
            _pack(child, int8)
