"""A prepared wavcube-nano kept 5 s of context around chunks, where 2 are documented: `optimize` overlooked Whispers."""

import pytest
import torch

from wavcube import WavCube
from wavcube.codec.inference.onednn_linear import can_pack
from wavcube.codec.inference.optimize import FAST_CHUNKING


@pytest.mark.skipif(not can_pack(torch.float32), reason="a torch without oneDNN prepares nothing")
def test_the_packaged_model_gets_the_chunks_of_every_prepared_model() -> None:
    model = WavCube.from_pretrained()
    assert model.chunking != FAST_CHUNKING
    assert model.optimize().chunking == FAST_CHUNKING
