"""Linear layers of a prepared model on a CPU, with weights in oneDNN's own order: float32, bfloat16 or int8.

They can be copied, pickled and sent to other processes, which lay them out again; converting, training or
saving them is an error.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.errors import CheckpointError, WavCubeError


class _PreparedLinear(nn.Module):
    """What both have in common: the weight is no parameter, and stays what it is."""

    packed: Any
    dtype: torch.dtype

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = torch.zeros(1, dtype=self.dtype)
        after = fn(before)
        if (after.dtype, after.device) != (before.dtype, before.device):
            raise WavCubeError(
                f"a model that was prepared with optimize() stays in {self.dtype} on the CPU; load it again, with the "
                "dtype or the device that you want"
            )
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, *_: Any) -> None:
        raise CheckpointError(
            "a model that was prepared with optimize() has no weights to save; take the plain model's"
        )

    def _load_from_state_dict(self, *_: Any) -> None:
        raise CheckpointError(
            "a model that was prepared with optimize() loads no weights; give them to the plain model"
        )

    def __getstate__(self) -> dict[str, Any]:
        # As arrays: torch hands tensors to other processes by files that it closes with the tensor, which is at once.
        parts = [None if part is None else (_bytes(part), part.dtype, part.shape) for part in self._unpacked()]
        return {**self.__dict__, "packed": parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.packed = self._pack(
            *(part and torch.from_numpy(part[0]).view(part[1]).view(part[2]) for part in state["packed"])
        )

    def _unpacked(self) -> tuple[Tensor | None, ...]:
        raise NotImplementedError

    @staticmethod
    def _pack(*parts: Any) -> Any:
        raise NotImplementedError


def _bytes(tensor: Tensor) -> np.ndarray:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy()


class PackedLinear(_PreparedLinear):
    """`nn.Linear` with its weight in oneDNN's layout, and optionally GELU after it; inference only."""

    def __init__(self, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.dtype = weight.dtype
        self.packed = self._pack(weight.detach().contiguous())
        self.bias = None if bias is None else bias.detach().clone()
        self.attribute, self.algorithm = ("gelu", "none") if gelu else ("none", "")

    def forward(self, values: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(values, self.packed, self.bias, self.attribute, [], self.algorithm)

    def _unpacked(self) -> tuple[Tensor]:
        return (self.packed.to_dense(),)

    @staticmethod
    def _pack(weight: Tensor) -> Tensor:
        return torch.ops.mkldnn._reorder_linear_weight(weight)


class QuantizedLinear(_PreparedLinear):
    """`nn.Linear` in int8: weights by one scale a row, activations by one scale a call, found as they come."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.dtype = torch.float32  # of activations
        self.packed = _int8_weight(weight.detach(), None if bias is None else bias.detach())

    def forward(self, values: Tensor) -> Tensor:
        # Not kept: a copy may be unpickled on a machine of another kind.
        return torch.ops.quantized.linear_dynamic(values.contiguous(), self.packed, _int8_sums_saturate())

    def _unpacked(self) -> tuple[Tensor, Tensor | None, Tensor]:
        weight, bias = torch.ops.quantized.linear_unpack(self.packed)
        return weight.dequantize(), bias, weight.q_per_channel_scales()

    @staticmethod
    def _pack(weight: Tensor, bias: Tensor | None, scales: Tensor) -> torch.ScriptObject:
        return _int8_weight(weight, bias, scales)


def _int8_weight(weight: Tensor, bias: Tensor | None, scales: Tensor | None = None) -> torch.ScriptObject:
    """A weight [N, K] in int8, in the layout of the fastest engine; all engines give the same numbers."""
    if "onednn" in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = "onednn"
    if scales is None:
        scales = (weight.detach().abs().amax(1) / 127).clamp_min(1e-12).double()
    zeros = torch.zeros(len(scales), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of their deprecation; there is no other fused kernel yet
        quantized = torch.quantize_per_channel(weight.detach(), scales, zeros, 0, torch.qint8)
        return torch.ops.quantized.linear_prepack(quantized, None if bias is None else bias.detach())


@functools.cache
def _int8_sums_saturate() -> bool:
    """Whether this machine's int8 products are wrong with eight bits of activation, without an error.

    Processors without VNNI add pairs of products in 16 bits, which overflow: results are 7 to 16 % off. Seven bits fit.
    """
    ones = torch.ones(64, 64)
    product = torch.ops.quantized.linear_dynamic(ones, _int8_weight(ones, None), False)
    return bool((product - 64).abs().max() > 1)


def can_pack(dtype: torch.dtype) -> bool:
    """Whether oneDNN computes in `dtype` on this machine's processor: bfloat16 needs AVX-512 or its like."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()
