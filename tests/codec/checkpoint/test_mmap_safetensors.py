"""Tensors that are mapped one by one are those of the file, and go one by one."""

import gc
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from wavcube.codec.checkpoint.mmap_safetensors import mmap_safetensors

TENSORS = {
    "small": torch.arange(5.0),
    "odd": torch.randn(3, 33_333),
    "half": torch.randn(70_000).bfloat16(),
    "whole": torch.arange(40_000),
    "scalar": torch.tensor(2.5),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"identity": "x"})
    return tmp_path / "a.safetensors"


def test_values_shapes_types_and_metadata(file: Path) -> None:
    tensors, metadata = mmap_safetensors(file)
    assert metadata == {"identity": "x"}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_writing_stays_in_its_tensor(file: Path) -> None:
    tensors, _ = mmap_safetensors(file)
    tensors["odd"].zero_()
    again, _ = mmap_safetensors(file)
    for name, tensor in TENSORS.items():
        assert torch.equal(again[name], tensor)
        assert name == "odd" or torch.equal(tensors[name], tensor)


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="no list of mappings")
def test_a_mapping_goes_with_its_tensor(file: Path) -> None:
    def mappings() -> int:
        return Path("/proc/self/maps").read_text().count(file.name)

    tensors, _ = mmap_safetensors(file)
    assert mappings() == 3
    del tensors["odd"]
    gc.collect()
    assert mappings() == 2
