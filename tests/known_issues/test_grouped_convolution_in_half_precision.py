"""bfloat16 latents of small models were wrong where the library's narrow grouped convolution is (Intel, AMX)."""

import pytest
import torch

from tests.codec.inference.test_kernels import broken_in_half_precision
from wavcube.codec import WavCube, WavCubeConfig


def test_latents_are_right_where_the_librarys_convolution_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny"))
    speech = torch.randn(16_000) * 0.1
    expected = model.encode(speech, 16_000).values
    broken_in_half_precision(monkeypatch)
    found = model.to(torch.bfloat16).encode(speech, 16_000).values.float()
    assert (found - expected).norm() / expected.norm() < 5e-2
