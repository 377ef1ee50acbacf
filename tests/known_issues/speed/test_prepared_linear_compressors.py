"""A prepared model with a linear compressor failed with an AssertionError."""

import pytest
import torch

from wavcube.codec import WavCube, WavCubeConfig


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-4), ("bfloat16", 0.1)])
def test_a_prepared_linear_compressor_gives_the_plain_ones_latents(dtype: str, bound: float) -> None:
    settings = WavCubeConfig.preset("tiny").to_dict()
    settings["bottleneck"].update(compressor="linear")
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.from_dict(settings))
    waveform = 0.1 * torch.randn(16_000)
    plain = model.encode(waveform, 16_000).values
    prepared = model.optimize(dtype).encode(waveform, 16_000).values.float()
    assert torch.linalg.norm(prepared - plain) < bound * torch.linalg.norm(plain)
