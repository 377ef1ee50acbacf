"""Small corpora, a tiny random model, and encoding them in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.conftest import write_tones
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.corpora.decoding import Decoders
from wavcube.corpora.encode_shard import EncodeSettings, ShardEncoder
from wavcube.data.bucketing import BatchLimits

__all__ = ["write_tones"]

Encoder = Callable[..., ShardEncoder]


@pytest.fixture(scope="session")
def model() -> WavCube:
    torch.manual_seed(0)
    return WavCube(WavCubeConfig.preset("tiny"))


@pytest.fixture
def encoder(model: WavCube, tmp_path: Path) -> Iterator[Encoder]:
    """`encoder(folder, stored="float16", size=3, **more)`: what makes shards of latents below a folder."""
    with Decoders(0) as decoders:

        def make(folder: str = "out", stored: str = "float16", size: int = 3, **more: object) -> ShardEncoder:
            settings = EncodeSettings.of(model, stored, size, {})  # type: ignore[arg-type]
            limits = more.pop("limits", BatchLimits(2.0, 0.25))
            (tmp_path / folder).mkdir(exist_ok=True)
            return ShardEncoder(model, settings, tmp_path / folder, limits, decoders, **more)  # type: ignore[arg-type]

        yield make


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def contents(folder: Path) -> dict[str, bytes]:
    """All shards and records below a folder, and the index."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
