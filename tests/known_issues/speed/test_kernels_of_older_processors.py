"""Without VNNI int8 was 7 to 16 % wrong, without AVX-512 bfloat16 ended in a traceback: neither was reported."""

import os
import subprocess
import sys

import pytest

from tests.instruction_sets import OLDER

PROGRAM = """
    import torch
    from wavcube import WavCube
    from wavcube.cli.codec.info import info
    from wavcube.codec.inference.optimize import QuantizedLinear

    torch.manual_seed(0)
    speech = 0.1 * torch.randn(1, 16_000)
    expected = WavCube.from_pretrained().encode(speech, 16_000).values
    linear, values = torch.nn.Linear(512, 512), torch.randn(50, 512)
    for dtype, bound in ((torch.int8, 0.2), (torch.bfloat16, 0.05)):
        found = WavCube.from_pretrained().optimize(dtype).encode(speech, 16_000).values
        error = (found - expected).norm() / expected.norm()
        assert error < bound, (dtype, error)
        if dtype == torch.int8:  # by now with the engine that a model computes with
            wanted = linear(values).detach()
            error = (QuantizedLinear(linear.weight, linear.bias)(values) - wanted).norm() / wanted.norm()
            assert error < 0.03, error
    info(None, env=True)
"""


@pytest.mark.kernels
@pytest.mark.parametrize("instructions", OLDER[:2])
def test_int8_and_bfloat16_on_older_processors(instructions: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", "if True:" + PROGRAM],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": instructions},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "right in float32, bfloat16, float16, int8" in result.stdout
