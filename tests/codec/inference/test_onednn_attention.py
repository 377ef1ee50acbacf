"""A prepared model's attention equals the plain one on random lengths, batches and biases."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.codec.small import encoder_config, moved, relative_error
from wavcube.codec.blocks.attention import LocalAttention, SelfAttention, causal_attention
from wavcube.codec.inference import half_attention as half
from wavcube.codec.inference.half_attention import HalfAttention, causal_half_attention, fast_local_attention
from wavcube.codec.inference.onednn_attention import SHORTEST, BlockAttention, block_attention, causal_block_attention
from wavcube.codec.inference.onednn_linear import can_pack

needs_half = pytest.mark.skipif(
    not can_pack(torch.bfloat16), reason="no bfloat16 of oneDNN on this processor, or a torch without it"
)
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")


@needs_onednn
@settings(deadline=None, max_examples=60)
@given(
    frames=st.integers(1, 1_200),
    shares=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3),
    heads=st.integers(1, 2),
    biased=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_equals_the_definition(frames: int, shares: list[float], heads: int, biased: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    lengths = [max(1, round(share * frames)) for share in shares]
    query, key, value = 2 * torch.randn(3, len(lengths), heads, frames, 8, generator=generator)
    gate = torch.rand(len(lengths), heads, frames, 1, generator=generator) if biased else None
    table = 3 * torch.randn(heads, 2 * frames - 1, generator=generator) if biased else None
    got = block_attention(query, key.flip(2), value.flip(2), lengths, gate, table)
    expected = by_definition(query, key, value, lengths, gate, table)
    for item, length in enumerate(lengths):
        assert relative_error(got[item, :length].transpose(0, 1), expected[item]) <= 1e-5
    assert got.isfinite().all()


def by_definition(
    query: Tensor, key: Tensor, value: Tensor, lengths: list[int], gate: Tensor | None, table: Tensor | None
) -> list[Tensor]:
    frames = query.shape[2]
    scores = query @ key.transpose(-1, -2)
    if gate is not None and table is not None:
        before = torch.arange(frames)[:, None] - torch.arange(frames)  # query minus key
        scores = scores + gate * table[:, before + frames - 1]
    return [
        scores[item, :, :length, :length].softmax(-1) @ value[item, :, :length] for item, length in enumerate(lengths)
    ]


@needs_half
@settings(deadline=None, max_examples=60)
@given(
    frames=st.integers(1, 1_200),
    shares=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
    heads=st.integers(1, 3),
    biased=st.booleans(),
    at_once=st.sampled_from([2**12, 2**17, 2**21]),
    seed=st.integers(0, 1_000),
)
def test_half_equals_the_definition(
    frames: int, shares: list[float], heads: int, biased: bool, at_once: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    lengths = [max(1, round(share * frames)) for share in shares]
    parts = torch.randn(3, len(lengths), heads, frames, 8, generator=generator).bfloat16()
    query, key, value = (part.float() for part in parts)
    gate = torch.rand(len(lengths), heads, frames, 1, generator=generator).bfloat16() if biased else None
    table = torch.randn(heads, 2 * frames - 1, generator=generator).bfloat16() if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(half, "SCORES", at_once)
        got = half.half_attention(parts[0], parts[1].flip(2), parts[2].flip(2), lengths, gate, table)
    wide = (None, None) if gate is None or table is None else (gate.float(), table.float())
    expected = by_definition(query, key, value, lengths, *wide)
    for item, length in enumerate(lengths):
        assert relative_error(got[item, :length].transpose(0, 1).float(), expected[item]) <= 2e-2
    assert got.isfinite().all()


@needs_half
@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(1, 900),
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    at_once=st.sampled_from([2**12, 2**21]),
    seed=st.integers(0, 1_000),
)
def test_causal_half_equals_plain(frames: int, batch: int, heads: int, at_once: int, seed: int) -> None:
    parts = torch.randn(3, batch, heads, frames, 8, generator=torch.Generator().manual_seed(seed)).bfloat16()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(half, "SCORES", at_once)
        got = causal_half_attention(*parts)
    assert relative_error(got.float(), causal_attention(*parts.float())) <= 2e-2


@needs_onednn
@settings(deadline=None, max_examples=40)
@given(frames=st.integers(1, 900), batch=st.integers(1, 2), heads=st.integers(1, 2), seed=st.integers(0, 1_000))
def test_causal_equals_plain(frames: int, batch: int, heads: int, seed: int) -> None:
    query, key, value = 2 * torch.randn(3, batch, heads, frames, 8, generator=torch.Generator().manual_seed(seed))
    got = causal_block_attention(query, key, value)
    assert relative_error(got, causal_attention(query, key, value)) <= 1e-5


@needs_half
@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(1, 400),
    back=st.integers(0, 40),
    ahead=st.integers(0, 10),
    shares=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3),
    seed=st.integers(0, 1_000),
)
def test_local_half_equals_plain(frames: int, back: int, ahead: int, shares: list[float], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(3, len(shares), 2, frames, 8, generator=generator).bfloat16()
    real = torch.arange(frames) < torch.tensor([max(1, round(share * frames)) for share in shares])[:, None]
    fast = fast_local_attention(parts[0], back, ahead, real)
    assert isinstance(fast, half.HalfLocalAttention)
    expected = LocalAttention(parts[0].float(), back, ahead, real)(*parts.float())
    made = fast(*parts).float()
    assert relative_error(made.transpose(1, 2)[real], expected.transpose(1, 2)[real]) <= 2e-2
    assert made.isfinite().all()


@pytest.mark.parametrize("family", ["wavlm", "hubert"])
@pytest.mark.parametrize("frames", [1, SHORTEST - 1, SHORTEST, 700])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("kind", "bound"),
    [pytest.param(BlockAttention, 1e-5, marks=needs_onednn), pytest.param(HalfAttention, 3e-2, marks=needs_half)],
)
def test_equals_plain_attention(
    family: str, frames: int, padded: bool, kind: type[BlockAttention], bound: float
) -> None:
    plain = moved(SelfAttention(encoder_config(family), owns_bias=family == "wavlm"))
    dtype = torch.bfloat16 if kind is HalfAttention else torch.float32
    fast = kind(copy.deepcopy(plain).to(dtype)).eval()
    hidden = torch.randn(3, frames, 64, generator=torch.Generator().manual_seed(1))
    real = torch.arange(frames) < torch.tensor([frames, 1, max(1, frames * 2 // 3)])[:, None]
    mask = real if padded else None

    def run(attention: SelfAttention, dtype: torch.dtype = torch.float32) -> Tensor:
        bias = attention.rel_attn_embed.bias(frames) if family == "wavlm" else None
        with torch.no_grad():
            return attention(hidden.to(dtype), bias, mask)[real if padded else ...].float()

    assert math.isfinite(float(run(plain).sum()))
    assert relative_error(run(fast, dtype), run(plain)) <= bound
