"""A folder of a tiny model, as `WavCube.save_pretrained` writes it, and both classes loaded from it."""

from pathlib import Path

import pytest
import torch
from transformers import BatchFeature

from tests.codec.small import signal, small_model
from wavcube import WavCube
from wavcube.hf import WavCubeFeatureExtractor, WavCubeModel

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wavcube")
    small_model().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def plain(folder: Path) -> WavCube:
    return WavCube.from_pretrained(folder)


@pytest.fixture
def model(folder: Path) -> WavCubeModel:
    return WavCubeModel.from_pretrained(folder)


@pytest.fixture(scope="session")
def clips() -> list:
    return [signal(9_000), signal(5_000, seed=1), signal(7_399, seed=2)]


@pytest.fixture(scope="session")
def batch(clips: list) -> BatchFeature:
    return WavCubeFeatureExtractor()(clips, sampling_rate=16_000, return_tensors="pt")
