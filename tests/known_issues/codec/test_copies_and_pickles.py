"""Models that could be neither pickled nor copied, and prepared ones that gave out 80 of their 210 tensors."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from tests.instruction_sets import HAS_BFLOAT16
from wavcube import WavCube
from wavcube.errors import CheckpointError, WavCubeError

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 4_000).astype(np.float32)
PREPARED = (torch.float32, *([torch.bfloat16] if HAS_BFLOAT16 else []), torch.int8)


def prepared(folder: Path, dtype: torch.dtype | None) -> WavCube:
    model = WavCube.from_pretrained(folder)
    return model if dtype is None else model.optimize(dtype)


def saved(model: WavCube, folder: Path) -> Any:
    torch.save(model, folder / "model.pt")
    return torch.load(folder / "model.pt", weights_only=False)


@pytest.mark.parametrize("dtype", [None, *PREPARED])
@pytest.mark.parametrize(
    "copied",
    [
        lambda model, _: pickle.loads(pickle.dumps(model)),
        lambda model, _: copy.deepcopy(model),
        saved,
    ],
    ids=["pickle", "deepcopy", "torch.save"],
)
def test_copies_give_the_same(
    model: Path, tmp_path: Path, dtype: torch.dtype | None, copied: Callable[[WavCube, Path], WavCube]
) -> None:
    original = prepared(model, dtype)
    twin = copied(original, tmp_path)
    latents = original.encode(CLIP, 16_000)
    assert torch.equal(twin.encode(CLIP, 16_000).values, latents.values)
    assert torch.equal(twin.decode(latents), original.decode(latents))
    assert twin.identity == original.identity
    assert (twin.chunking, twin.precision) == (original.chunking, original.precision)
    if dtype is None:
        assert pickle.loads(pickle.dumps(original.encoder)).config == original.encoder.config
        with torch.no_grad():
            twin.encoder.feature_projection.projection.weight += 1
        assert torch.equal(original.encode(CLIP, 16_000).values, latents.values)


class Encoded(Dataset):
    """A data set that holds a model, as users have them."""

    def __init__(self, model: WavCube) -> None:
        self.model = model

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.model.encode(CLIP[: 2_000 * (index + 1)], 16_000).values


@pytest.mark.long
def test_a_data_loader_that_starts_processes(model: Path) -> None:
    for dtype in (None, torch.float32):
        loaded = prepared(model, dtype)
        batches = list(DataLoader(Encoded(loaded), batch_size=None, num_workers=1, multiprocessing_context="spawn"))
        for index, values in enumerate(batches):
            assert torch.allclose(values, loaded.encode(CLIP[: 2_000 * (index + 1)], 16_000).values, atol=1e-5)


@pytest.mark.parametrize("dtype", PREPARED)
@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda model: model.state_dict(), CheckpointError),
        (lambda model: model.encoder.state_dict(), CheckpointError),
        (lambda model: torch.nn.Sequential(model.decoder).state_dict(), CheckpointError),
        (lambda model: model.load_state_dict({}), CheckpointError),
        (lambda model: model.half(), WavCubeError),
        (lambda model: model.double(), WavCubeError),
        (lambda model: model.to("meta"), WavCubeError),
    ],
)
def test_what_a_prepared_model_cannot_do(
    model: Path, dtype: torch.dtype, use: Callable[[WavCube], object], error: type[Exception]
) -> None:
    loaded = prepared(model, dtype)
    before = loaded.encode(CLIP, 16_000).values
    with pytest.raises(error, match=r"prepared with optimize\(\)"):
        use(loaded)
    assert torch.equal(loaded.encode(CLIP, 16_000).values, before)
    assert loaded.to("cpu").eval().requires_grad_(False) is loaded


@pytest.mark.parametrize("dtype", PREPARED)
def test_a_part_of_a_prepared_model_cannot_be_converted(model: Path, dtype: torch.dtype) -> None:
    with pytest.raises(WavCubeError, match=r"prepared with optimize\(\)"):
        prepared(model, dtype).encoder.half()


@pytest.mark.parametrize("asked", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("dtype", PREPARED)
def test_autocast_leaves_a_prepared_model_alone(model: Path, dtype: torch.dtype, asked: torch.dtype) -> None:
    loaded = prepared(model, dtype)
    expected = loaded.encode(CLIP, 16_000)
    waveform = loaded.decode(expected)
    with torch.autocast("cpu", asked):
        assert torch.equal(loaded.encode(CLIP, 16_000).values, expected.values)
        assert torch.equal(loaded.decode(expected), waveform)


@pytest.mark.parametrize("asked", [torch.bfloat16, torch.float16])
def test_autocast_of_a_plain_model(model: Path, asked: torch.dtype) -> None:
    loaded = WavCube.from_pretrained(model)
    expected = loaded.encode(CLIP, 16_000)
    with torch.autocast("cpu", asked):
        values = loaded.encode(CLIP, 16_000).values.float()
        assert bool(torch.isfinite(loaded.decode(expected)).all())
    assert float((values - expected.values).norm() / expected.values.norm()) < 0.1
    half = WavCube.from_pretrained(model, dtype=torch.float16)
    alone = half.encode(CLIP, 16_000).values
    with torch.autocast("cpu", asked):
        assert torch.equal(half.encode(CLIP, 16_000).values, alone)
