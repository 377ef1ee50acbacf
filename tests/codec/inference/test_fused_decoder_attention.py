"""A prepared decoder's attention equals the plain one."""

import copy

import pytest
import torch

from tests.codec.small import moved, relative_error
from wavcube.codec.blocks.attention import LocalAttention, Rotary, causal_attention
from wavcube.codec.decoder import DecoderAttention
from wavcube.codec.inference.fused_decoder_attention import FusedDecoderAttention


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("frames", [1, 33, 200])
def test_equals_the_plain_attention(dtype: torch.dtype, bound: float, local: bool, frames: int) -> None:
    plain = moved(DecoderAttention(64, 4)).to(dtype)
    fused = FusedDecoderAttention(copy.deepcopy(plain))
    hidden = torch.randn(2, frames, 64, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected_in = copy.deepcopy(plain).float()

    def run(attention: DecoderAttention, hidden: torch.Tensor) -> torch.Tensor:
        rotary = Rotary(frames, 16, 10_000.0, hidden.device, hidden.dtype)
        attend = LocalAttention(hidden, 20, 5) if local else causal_attention
        with torch.no_grad():
            return attention(hidden, rotary, attend).float()

    assert relative_error(run(fused, hidden), run(expected_in, hidden.float())) <= bound


def test_positions_written_out_for_every_head_are_those_of_one() -> None:
    rotary = Rotary(7, 8, 10_000.0, torch.device("cpu"), torch.float32)
    values = torch.randn(2, 7, 3, 8)
    cosines, sines = rotary.spread(3)
    first, second = values.chunk(2, dim=-1)
    rotated = values * cosines + torch.cat([second, first], dim=-1) * sines
    assert torch.equal(rotated, rotary(values.transpose(1, 2)).transpose(1, 2))
