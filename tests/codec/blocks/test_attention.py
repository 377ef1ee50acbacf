"""Every kind of attention against its definition: softmax of all scores, with a mask written out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.codec.small import encoder_config, moved, relative_error
from wavcube.codec.blocks.attention import (
    LocalAttention,
    RelativePositionBias,
    Rotary,
    SelfAttention,
    causal_attention,
)

LIMIT = 1e-5


def naive(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """[B, heads, T, D] by the definition; `allowed` [B, T, T] or [T, T] is true where query i may see key j."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    allowed = allowed if allowed.dim() == 2 else allowed[:, None]
    return scores.masked_fill(~allowed, -math.inf).softmax(-1) @ value


def random_qkv(seed: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = 2 * torch.randn(3, *shape, generator=generator)
    return query, key, value


def distance(frames: int) -> Tensor:
    """[T, T] of key minus query."""
    return torch.arange(frames)[None] - torch.arange(frames)[:, None]


@settings(deadline=None, max_examples=100)
@given(
    frames=st.integers(1, 150),
    back=st.integers(0, 60),
    ahead=st.integers(0, 60),
    block=st.integers(1, 160),
    seed=st.integers(0, 1000),
    lengths=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3),
    padded=st.booleans(),
)
def test_local_attention(
    frames: int, back: int, ahead: int, block: int, seed: int, lengths: list[float], padded: bool
) -> None:
    query, key, value = random_qkv(seed, len(lengths), 2, frames, 6)
    near = (distance(frames) >= -back) & (distance(frames) <= ahead)
    real = torch.ones(len(lengths), frames, dtype=torch.bool)
    if padded:
        real = torch.arange(frames) < torch.tensor([max(1, round(frames * part)) for part in lengths])[:, None]
    got = LocalAttention(query, back, ahead, real if padded else None, block)(query, key, value)
    expected = naive(query, key, value, (near & real[:, None]) | torch.eye(frames, dtype=torch.bool))
    assert got.isfinite().all()
    assert relative_error(got, expected) <= LIMIT


def test_the_window_of_local_attention_is_40_back_and_10_ahead() -> None:
    """A window off by one, or mirrored, gives plausible speech; so each edge is tested by itself."""
    query, key, value = random_qkv(0, 1, 1, 200, 4)
    attend = LocalAttention(query, 40, 10)
    before = attend(query, key, value)
    for offset, seen in ((-41, False), (-40, True), (0, True), (10, True), (11, False)):
        changed = value.clone()
        changed[:, :, 100 + offset] += 100.0
        moved_by = (attend(query, key, changed) - before)[0, 0, 100].abs().max()
        assert bool(moved_by > 0) == seen, offset


def test_gradients_of_local_attention_are_finite_with_padding() -> None:
    tensors = [tensor.requires_grad_() for tensor in random_qkv(1, 2, 2, 90, 4)]
    mask = torch.arange(90) < torch.tensor([90, 5])[:, None]
    LocalAttention(tensors[0], 40, 10, mask)(*tensors).sum().backward()
    assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in tensors)


@settings(deadline=None, max_examples=30)
@given(frames=st.integers(1, 120), batch=st.integers(1, 3), seed=st.integers(0, 1000))
def test_causal_attention(frames: int, batch: int, seed: int) -> None:
    query, key, value = random_qkv(seed, batch, 2, frames, 6)
    assert relative_error(causal_attention(query, key, value), naive(query, key, value, distance(frames) <= 0)) <= LIMIT


@pytest.mark.parametrize("theta", [10_000.0, 100.0])
def test_rotary_is_a_rotation_of_pairs(theta: float) -> None:
    """Half-split: entry k turns with entry k + D / 2, by position times theta ** (-2 k / D) (arXiv 2104.09864)."""
    frames, width = 50, 12
    values = torch.randn(2, 3, frames, width, generator=torch.Generator().manual_seed(0))
    expected = torch.empty_like(values, dtype=torch.float64)
    for position in range(frames):
        for k in range(width // 2):
            angle = position * theta ** (-2 * k / width)
            a, b = values[..., position, k].double(), values[..., position, k + width // 2].double()
            expected[..., position, k] = a * math.cos(angle) - b * math.sin(angle)
            expected[..., position, k + width // 2] = a * math.sin(angle) + b * math.cos(angle)
    rotary = Rotary(frames, width, theta, torch.device("cpu"), torch.float32)
    assert relative_error(rotary(values), expected) <= 1e-6


def test_rotary_scores_depend_on_distance_alone() -> None:
    query, key, _ = random_qkv(0, 1, 1, 1, 16)
    rotary = Rotary(60, 16, 10_000.0, torch.device("cpu"), torch.float32)
    scores = rotary(query.expand(1, 1, 60, 16)) @ rotary(key.expand(1, 1, 60, 16)).transpose(-1, -2)
    for shift in (-7, 0, 20):
        diagonal = scores[0, 0].diagonal(shift)
        assert (diagonal - diagonal[0]).abs().max() <= 1e-4


@pytest.mark.parametrize(("buckets", "far"), [(320, 800), (32, 40)])
def test_buckets_of_the_relative_position_bias(buckets: int, far: int) -> None:
    """The bias depends on signed distance: one bucket each up to a quarter of them, then logarithmic, then the last."""
    embedding = RelativePositionBias(encoder_config(relative_buckets=buckets, relative_max_distance=far))
    frames = 2 * far + 10
    bias = embedding.bias(frames)
    assert bias.shape == (1, 4, frames, frames)
    quarter, half = buckets // 4, buckets // 2
    for offset in [*range(1 - quarter, quarter), far, -far, 2 * far, -2 * far]:
        ahead = half if offset > 0 else 0
        bucket = ahead + (abs(offset) if abs(offset) < quarter else half - 1)
        diagonal = bias[0].diagonal(offset, dim1=1, dim2=2)
        assert torch.equal(diagonal, embedding.weight[bucket][:, None].expand_as(diagonal)), offset


@pytest.mark.parametrize("family", ["wavlm", "hubert"])
@pytest.mark.parametrize("lengths", [None, [37, 12]])
def test_self_attention(family: str, lengths: list[int] | None) -> None:
    attention = moved(SelfAttention(encoder_config(family), owns_bias=family == "wavlm"))
    hidden = torch.randn(2, 37, 64, generator=torch.Generator().manual_seed(1))
    mask = None if lengths is None else torch.arange(37) < torch.tensor(lengths)[:, None]
    real = torch.ones(2, 37, dtype=torch.bool) if mask is None else mask

    def heads(projection: torch.nn.Linear) -> Tensor:
        return projection(hidden).view(2, 37, 4, 16).transpose(1, 2)

    with torch.no_grad():
        bias = attention.rel_attn_embed.bias(37) if family == "wavlm" else None
        scores = heads(attention.q_proj) @ heads(attention.k_proj).transpose(-1, -2) / 4.0
        if bias is not None:
            # WavLM, arXiv 2110.13900, equations 3 to 6.
            split = hidden.view(2, 37, 4, 16).transpose(1, 2)
            gates = attention.gru_rel_pos_linear(split).view(2, 4, 37, 2, 4).sum(-1).sigmoid()
            update, reset = gates[..., :1], gates[..., 1:]
            scores = scores + bias * (update * (reset * attention.gru_rel_pos_const - 1) + 2)
        weights = scores.masked_fill(~real[:, None, None], -math.inf).softmax(-1)
        expected = attention.out_proj((weights @ heads(attention.v_proj)).transpose(1, 2).reshape(2, 37, 64))
        got = attention(hidden, bias, mask)
    assert relative_error(got[real], expected[real]) <= LIMIT
