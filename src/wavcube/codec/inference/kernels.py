"""A check of this machine's half-precision and int8 kernels: every kind of layer of a model against float64.

Libraries choose kernels by processor, type and shape, and some of their choices have been wrong (grouped_convolution.py
names one), so the check runs where the model runs: in the test suite and in `wavcube info --env`.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.attention import LocalAttention, RelativePositionBias, SelfAttention, causal_attention
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.encoder import (
    ConformerConvolution,
    ConvFeatureEncoder,
    ConvLayer,
    FeedForward,
    PositionConvolution,
    PositionConvolutionStack,
    RelativeKeyAttention,
)
from wavcube.codec.inference.half_attention import fast_attention, fast_causal_attention, fast_local_attention
from wavcube.codec.inference.onednn_attention import SHORTEST
from wavcube.codec.inference.onednn_linear import PackedLinear, QuantizedLinear, can_pack
from wavcube.codec.inference.optimize import PackedPositionConvolution

ERROR_BOUNDS = {torch.float32: 5e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3, torch.int8: 4e-2}
"""Relative L2 below which a kernel counts as right: several times the rounding of its type."""

FRAMES = 40
"""Frames of the inputs: what matters is the width of layers, not the length of recordings."""


@dataclass(frozen=True)
class KernelCase:
    """One layer and its input; `prepare` turns it into the form that `WavCube.optimize` computes with."""

    name: str
    layer: nn.Module
    inputs: Tensor
    call: Callable[[nn.Module, Tensor], Tensor] = lambda layer, inputs: layer(inputs)
    prepare: Callable[[nn.Module], nn.Module] | None = None


class Lambda(nn.Module):
    """A function without weights as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)


def kernel_cases(config: WavCubeConfig, seed: int = 0) -> Iterator[KernelCase]:
    """Every kind of layer that a model of this configuration computes with, with random weights and inputs."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        yield from _encoder_cases(config, noise)
        yield from _decoder_cases(config, noise)


def _encoder_cases(config: WavCubeConfig, noise: Callable[..., Tensor]) -> Iterator[KernelCase]:
    encoder = config.encoder
    width = encoder.width
    for i, layer in enumerate(
        layer for layer in ConvFeatureEncoder(encoder).conv_layers if isinstance(layer, ConvLayer)
    ):
        conv = layer.conv
        samples = conv.stride[0] * FRAMES + conv.kernel_size[0]
        yield KernelCase(f"encoder convolution {i} {_shape(conv)}", conv, noise(2, conv.in_channels, samples))
    position = PositionConvolutionStack(encoder) if encoder.position_layers > 1 else PositionConvolution(encoder)
    name = f"position convolution {width} channels, {encoder.position_groups} groups, kernel {encoder.position_kernel}"

    def positions(layer: nn.Module, values: Tensor) -> Tensor:
        return layer(values, None)

    yield KernelCase(name, position, noise(1, FRAMES, width), positions)
    if isinstance(position, PositionConvolution):
        yield KernelCase(f"{name}, prepared", position, noise(1, FRAMES, width), positions, _packed_position)
    if encoder.family == "wav2vec2-bert":
        gated, conformer = ConformerConvolution(encoder).eval(), RelativeKeyAttention(encoder).eval()
        yield KernelCase(f"causal convolution {_shape(gated.depthwise_conv)}", gated, noise(2, FRAMES, width))
        yield KernelCase(
            f"attention with distances {encoder.heads} heads", conformer, noise(2, FRAMES, width), positions
        )
    feed_forward = FeedForward(encoder).eval()
    yield KernelCase(f"feed-forward {width} x {encoder.feed_forward}", feed_forward, noise(2, FRAMES, width))
    linear = feed_forward.intermediate_dense
    yield KernelCase(
        f"linear {width} x {encoder.feed_forward}, prepared", linear, noise(2, FRAMES, width), prepare=_packed
    )
    attention = SelfAttention(encoder, owns_bias=encoder.family == "wavlm").eval()

    def attend(layer: nn.Module, values: Tensor) -> Tensor:
        embedding = getattr(layer, "rel_attn_embed", None)
        bias = embedding.bias(values.shape[1]) if isinstance(embedding, RelativePositionBias) else None
        return layer(values, bias, None)

    name = f"attention {encoder.heads} heads of {width // encoder.heads}"
    yield KernelCase(name, attention, noise(2, FRAMES, width), attend)
    yield KernelCase(f"{name}, prepared", attention, noise(1, SHORTEST, width), attend, _packed_attention)
    yield KernelCase(f"layer norm {width}", nn.LayerNorm(width), noise(2, FRAMES, width))
    yield KernelCase(f"GELU {encoder.feed_forward}", nn.GELU(), noise(2, FRAMES, encoder.feed_forward))


def _decoder_cases(config: WavCubeConfig, noise: Callable[..., Tensor]) -> Iterator[KernelCase]:
    from wavcube.codec.decoder import Upsampler, Vocoder

    decoder, vocoder = config.decoder, config.decoder.vocoder
    upsampler = Upsampler(decoder.width, decoder.vocoder_input_dim, kernel=3)
    yield KernelCase(
        f"transposed convolution {_shape(upsampler.conv)}", upsampler.conv, noise(2, decoder.width, FRAMES)
    )
    yield KernelCase(
        f"group norm over time {decoder.vocoder_input_dim}", upsampler.norm, noise(2, decoder.vocoder_input_dim, FRAMES)
    )
    heads, width = decoder.heads, decoder.width // decoder.heads
    causal = Lambda(lambda values: causal_attention(values, values, values))
    yield KernelCase(f"causal attention of {width}", causal, noise(2, heads, FRAMES, width))
    blocks = Lambda(lambda values: fast_causal_attention(values, values, values))
    queries = noise(1, heads, SHORTEST, width)
    yield KernelCase(f"causal attention of {width}, prepared", causal, queries, prepare=lambda layer: blocks)
    heads, width = vocoder.heads, vocoder.width // vocoder.heads

    def local(values: Tensor) -> Tensor:
        return LocalAttention(values, vocoder.left_context, vocoder.right_context)(values, values, values)

    yield KernelCase(f"local attention of {width}", Lambda(local), noise(2, heads, 2 * FRAMES, width))

    def prepared(values: Tensor) -> Tensor:
        return fast_local_attention(values, vocoder.left_context, vocoder.right_context)(values, values, values)

    yield KernelCase(
        f"local attention of {width}, prepared",
        Lambda(local),
        noise(2, heads, 2 * FRAMES, width),
        prepare=lambda layer: Lambda(prepared),
    )
    head = nn.Linear(vocoder.width, vocoder.n_fft + 2)
    yield KernelCase(f"vocoder head {vocoder.width} x {vocoder.n_fft + 2}", head, noise(2, FRAMES, vocoder.width))
    ends = Vocoder(decoder.vocoder_input_dim, dataclasses.replace(vocoder, layers=0), decoder.rope_theta)
    yield KernelCase(
        f"vocoder head and inverse STFT {vocoder.n_fft}", ends, noise(2, FRAMES, decoder.vocoder_input_dim)
    )
    softmax = Lambda(lambda values: F.softmax(values, -1))
    yield KernelCase(f"softmax {FRAMES}", softmax, noise(2, vocoder.heads, FRAMES, FRAMES))


def kernel_error(case: KernelCase, dtype: torch.dtype) -> float:
    """Relative L2 between a layer in `dtype` and in float64, on the same rounded weights and inputs.

    int8 takes float32 weights and inputs, and counts their quantization as error. infinity where the result is not
    finite.
    """
    stored = torch.float32 if dtype == torch.int8 else dtype
    layer, inputs = copy.deepcopy(case.layer).to(stored), case.inputs.to(stored)
    with torch.no_grad():
        expected = case.call(copy.deepcopy(layer).double(), inputs.double())
        if dtype == torch.int8:
            assert isinstance(layer, nn.Linear), "int8 is for linear layers"
            layer = QuantizedLinear(layer.weight, layer.bias)
        elif case.prepare is not None:
            layer = case.prepare(layer)
        result = case.call(layer, inputs).double()
    if not torch.isfinite(result).all():
        return float("inf")
    return float((result - expected).norm() / expected.norm())


def dtypes_of(case: KernelCase) -> list[torch.dtype]:
    """The types that a layer is computed in here: int8 for linear layers, and for the rest what `optimize` prepares."""
    types = [torch.float32, torch.bfloat16, torch.float16]
    if case.prepare is not None:
        types = [dtype for dtype in types[:2] if can_pack(dtype)]
    return [*types, torch.int8] if isinstance(case.layer, nn.Linear) and can_pack(torch.int8) else types


def wrong_kernels(config: WavCubeConfig) -> list[str]:
    """What this machine computes wrong of a model's layers: a line for each, with its type and error."""
    found = []
    for case in kernel_cases(config):
        for dtype in dtypes_of(case):
            error = kernel_error(case, dtype)
            if not error <= ERROR_BOUNDS[dtype]:
                found.append(f"{case.name} in {str(dtype).removeprefix('torch.')}: {100 * error:.2g} % off")
    return found


def library_convolution_error(dtype: torch.dtype = torch.bfloat16) -> float:
    """Relative L2 of the library's own convolution with 4 channels a group, which the codec does not use."""
    conv = nn.Conv1d(64, 64, 128, padding=64, groups=16)
    return kernel_error(KernelCase("grouped convolution", conv, torch.randn(1, 64, 4 * FRAMES)), dtype)


def _shape(conv: nn.Conv1d | nn.ConvTranspose1d) -> str:
    return f"{conv.in_channels} x {conv.out_channels}, kernel {conv.kernel_size[0]}, stride {conv.stride[0]}"


def _packed(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, nn.Linear)
    return PackedLinear(layer.weight, layer.bias)


def _packed_attention(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, SelfAttention)
    return fast_attention(layer)


def _packed_position(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, PositionConvolution)
    return PackedPositionConvolution(layer)
