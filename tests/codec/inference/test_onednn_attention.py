"""A prepared model's attention equals the plain one on random lengths, batches and biases."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.codec.small import encoder_config, moved, relative_error
from wavcube.codec.attention import SelfAttention, causal_attention
from wavcube.codec.inference.onednn_attention import SHORTEST, BlockAttention, block_attention, causal_block_attention

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
    scores = query @ key.transpose(-1, -2)
    if gate is not None and table is not None:
        before = torch.arange(frames)[:, None] - torch.arange(frames)  # query minus key
        scores = scores + gate * table[:, before + frames - 1]
    for item, length in enumerate(lengths):
        weights = scores[item, :, :length, :length].softmax(-1)
        assert relative_error(got[item, :length].transpose(0, 1), weights @ value[item, :, :length]) <= 1e-5
    assert got.isfinite().all()


@needs_onednn
@settings(deadline=None, max_examples=40)
@given(frames=st.integers(1, 900), batch=st.integers(1, 2), heads=st.integers(1, 2), seed=st.integers(0, 1_000))
def test_causal_equals_plain(frames: int, batch: int, heads: int, seed: int) -> None:
    query, key, value = 2 * torch.randn(3, batch, heads, frames, 8, generator=torch.Generator().manual_seed(seed))
    got = causal_block_attention(query, key, value)
    assert relative_error(got, causal_attention(query, key, value)) <= 1e-5


@needs_onednn
@pytest.mark.parametrize("family", ["wavlm", "hubert"])
@pytest.mark.parametrize("frames", [SHORTEST - 1, SHORTEST, 700])
@pytest.mark.parametrize("padded", [False, True])
def test_equals_plain_attention(family: str, frames: int, padded: bool) -> None:
    plain = moved(SelfAttention(encoder_config(family), owns_bias=family == "wavlm"))
    fast = BlockAttention(copy.deepcopy(plain)).eval()
    hidden = torch.randn(3, frames, 64, generator=torch.Generator().manual_seed(1))
    real = torch.arange(frames) < torch.tensor([frames, 1, frames * 2 // 3])[:, None]
    mask = real if padded else None

    def run(attention: SelfAttention) -> Tensor:
        bias = attention.rel_attn_embed.bias(frames) if family == "wavlm" else None
        with torch.no_grad():
            return attention(hidden, bias, mask)[real if padded else ...]

    assert math.isfinite(float(run(plain).sum()))
    assert relative_error(run(fast), run(plain)) <= 1e-5
