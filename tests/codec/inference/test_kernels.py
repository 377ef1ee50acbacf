"""Half-precision and int8 kernels of this machine against float64, in the presets' shapes: `pytest -m kernels`."""

import pytest
import torch
import torch.nn.functional as F

from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.checkpoint.folder import CONFIG, PACKAGED
from wavcube.codec.config import EncoderConfig, WavCubeConfig
from wavcube.codec.inference.kernels import (
    ERROR_BOUNDS,
    KernelCase,
    dtypes_of,
    kernel_cases,
    kernel_error,
    library_convolution_error,
    wrong_kernels,
)

CONFIGS = {
    "full": WavCubeConfig.preset("full"),
    "tiny": WavCubeConfig.preset("tiny"),
    "w2v-bert": WavCubeConfig(EncoderConfig("wav2vec2-bert", normalize_waveform=False, activation="swish")),
    "packaged": WavCubeConfig.load(PACKAGED / CONFIG),
}
CASES = [
    pytest.param(case, dtype, id=f"{name}: {case.name} in {str(dtype).removeprefix('torch.')}")
    for name, config in CONFIGS.items()
    for case in kernel_cases(config)
    for dtype in dtypes_of(case)
]
SHAPES = [(64, 16, 128), (256, 16, 31), (64, 16, 7), (32, 32, 7), (256, 256, 7)]
"""Channels, groups and kernels of the generators' presets."""


@pytest.mark.kernels
@pytest.mark.parametrize(("case", "dtype"), CASES)
def test_a_kernel_computes_what_float64_does(case: KernelCase, dtype: torch.dtype) -> None:
    assert kernel_error(case, dtype) <= ERROR_BOUNDS[dtype]


@pytest.mark.kernels
@pytest.mark.parametrize(("channels", "groups", "kernel"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_grouped_convolutions_of_the_generators(channels: int, groups: int, kernel: int, dtype: torch.dtype) -> None:
    conv = GroupedConv1d(channels, channels, kernel, padding=kernel // 2, groups=groups)
    assert kernel_error(KernelCase("conv", conv, torch.randn(2, channels, 150)), dtype) <= ERROR_BOUNDS[dtype]


def broken_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's convolution, wrong as it is in bfloat16 on Intel processors with AMX."""
    right = F.conv1d

    def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        result = right(input, weight, bias, stride, padding, dilation, groups)
        return result * 0.5 if weight.dtype == torch.bfloat16 and groups > 1 and weight.shape[1] < 8 else result

    monkeypatch.setattr(F, "conv1d", wrong)


def test_a_wrong_kernel_of_the_library_is_found_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_in_half_precision(monkeypatch)
    assert library_convolution_error() > 0.4
    assert wrong_kernels(CONFIGS["tiny"]) == []
    conv = GroupedConv1d(64, 64, 128, padding=64, groups=16)
    values = torch.randn(1, 64, 50)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        result = conv(values)
    assert result.dtype == torch.bfloat16
    assert (result.float() - conv(values)).norm() / conv(values).norm() < 1e-2


def test_a_wrong_kernel_in_use_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    right = F.gelu
    monkeypatch.setattr(F, "gelu", lambda x, approximate="none": right(x) * (0.5 if x.dtype == torch.float16 else 1))
    assert any("GELU" in line and "float16" in line for line in wrong_kernels(CONFIGS["tiny"]))


def test_narrow_groups_learn_in_half_precision_as_in_float32() -> None:
    conv = GroupedConv1d(64, 64, 7, padding=3, groups=16)
    values = torch.randn(1, 64, 20)
    (expected,) = torch.autograd.grad(conv(values).square().sum(), conv.weight)
    with torch.autocast("cpu", torch.bfloat16):
        loss = conv(values).float().square().sum()
    (gradient,) = torch.autograd.grad(loss, conv.weight)
    assert (gradient - expected).norm() / expected.norm() < 2e-2
