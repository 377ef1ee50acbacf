import subprocess
import sys

import torch
from torch import nn

from wavcube.codec import WavCube, WavCubeConfig
from wavcube.codec.checkpoint.meta_init import meta_init


def test_a_skeleton_has_the_shapes_of_a_model_and_no_memory() -> None:
    config = WavCubeConfig.preset("tiny")
    with meta_init():
        model = WavCube(config)
    full = WavCube(config).state_dict()
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == {
        name: tensor.shape for name, tensor in full.items()
    }
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def test_weights_are_drawn_as_ever_elsewhere() -> None:
    with meta_init():
        drawn = nn.init.normal_(torch.zeros(1000, device="cpu"), std=2.0)
        length = torch.norm_except_dim(torch.ones(2, 3, 4, device="cpu"), 2, 2)
    assert 1.8 < drawn.std() < 2.2
    assert torch.allclose(length, torch.full((1, 1, 4), 6.0**0.5))
    assert not nn.Embedding(2, 3).weight.is_meta


def test_loading_a_model_does_not_import_torchs_compiler() -> None:
    code = """
import sys
from wavcube import WavCube
WavCube.from_pretrained().optimize()
print([name for name in ("torch._dynamo", "sympy", "transformers") if name in sys.modules])
"""
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert made.stdout.strip() == "[]"
