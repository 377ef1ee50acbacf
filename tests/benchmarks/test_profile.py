"""The profile counts what was computed, under the kind that it is of."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.profile import ATTENTION, BETWEEN, CONVOLUTION, FOURIER, LINEAR, NORM, Profile, profile, show, table
from wavcube.codec import WavCube, WavCubeConfig


def test_products_are_counted_by_their_shapes() -> None:
    linear, norm = nn.Linear(32, 48), nn.LayerNorm(48)
    conv, transposed = nn.Conv1d(16, 24, 5, groups=4), nn.ConvTranspose1d(24, 8, 3, stride=2)
    with torch.inference_mode(), Profile() as counted:
        norm(linear(torch.randn(2, 10, 32)))
        made = transposed(conv(torch.randn(1, 16, 50)))
    assert made.shape == (1, 8, 93)
    assert counted.rows[LINEAR].flops == 2 * 2 * 10 * 32 * 48
    assert counted.rows[NORM].calls == 1
    assert counted.rows[CONVOLUTION].flops == 2 * 46 * 24 * 4 * 5 + 2 * 46 * 24 * 8 * 3


def test_attention_counts_both_of_its_products() -> None:
    values = torch.randn(1, 2, 7, 16)
    with torch.inference_mode(), Profile() as counted:
        F.scaled_dot_product_attention(values, values, values)
    assert sum(row.flops for row in counted.rows.values()) == 2 * 2 * 2 * 7 * 7 * 16


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_shares_of_a_model_are_a_whole(dtype: str) -> None:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny")).optimize(dtype)
    waveform = torch.randn(1, 80_000)
    with torch.inference_mode():
        rows = table(profile(lambda: model.synthesize(model(waveform)[0]), rounds=1)[1])
    assert sum(facts["share"] for facts in rows.values()) == pytest.approx(1.0)
    assert {LINEAR, CONVOLUTION, ATTENTION, NORM, FOURIER, BETWEEN} <= set(rows)
    lines = list(show({"encode": rows}))
    assert lines[0] == "| share of time, rate | encode |"
    assert any(line.startswith("| linear |") and "GFLOP/s" in line for line in lines)
