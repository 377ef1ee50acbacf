"""In int8 an item depended on its neighbours: all activations of a batch, padding included, shared one scale."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command
from wavcube import Latents, WavCube, load_audio, save_audio


@pytest.fixture(scope="module")
def int8(model: Path) -> WavCube:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("int8 needs oneDNN")
    return WavCube.from_pretrained(model).optimize(torch.int8)


@pytest.fixture
def clips(speech: np.ndarray) -> list[np.ndarray]:
    """Loud, quiet, long and short ones."""
    return [speech[:16_000], 0.001 * speech[:8_000], speech[:60_000], 30 * speech[:400], speech[20_000:25_000]]


def test_a_batch_gives_what_each_gives_alone(int8: WavCube, clips: list[np.ndarray]) -> None:
    latents, features = int8.encode(clips, 16_000), int8.features(clips, 16_000)
    waveforms, restored = int8.decode(latents), int8.restore(latents)
    for index, clip in enumerate(clips):
        alone = int8.encode(clip, 16_000)
        assert torch.equal(latents[index].values, alone.values)
        assert torch.equal(features[index].values, int8.features(clip, 16_000).values)
        assert torch.equal(waveforms[index, : len(clip)], int8.decode(alone)[0])
        assert torch.equal(restored[index].values, int8.restore(alone).values)


def test_padding_and_order_do_not_count(int8: WavCube, clips: list[np.ndarray]) -> None:
    batch = torch.full((2, 30_000), 0.9)
    batch[0, :8_000], batch[1, :16_000] = torch.from_numpy(clips[1]), torch.from_numpy(clips[0])
    padded = int8.encode(batch, 16_000, lengths=[8_000, 16_000])
    assert torch.equal(padded[0].values, int8.encode(clips[1], 16_000).values)
    backwards = int8.encode(clips[::-1], 16_000)
    assert torch.equal(backwards[-1].values, int8.encode(clips[0], 16_000).values)
    values = torch.full((2, 60, padded.values.shape[2]), 50.0)
    values[0, : int(padded.lengths[0])] = padded[0].values[0]
    together = int8.decode(Latents(values, torch.tensor([int(padded.lengths[0]), 60]), 50.0))
    alone = int8.decode(Latents(padded[0].values, padded.lengths[:1], 50.0))[0]
    assert torch.equal(together[0, : len(alone)], alone)


def test_the_command_line(
    wavcube: Command, model: Path, int8: WavCube, clips: list[np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for index, clip in enumerate(clips):
        save_audio(tmp_path / "in" / f"{index}.wav", clip)
    options = ["-m", model, "--fast", "--dtype", "int8", "--padding", "1"]
    assert wavcube("encode", tmp_path / "in", "-o", tmp_path / "z", *options).code == 0
    for index in range(len(clips)):
        expected = int8.encode(load_audio(tmp_path / "in" / f"{index}.wav"), 16_000).values
        assert torch.equal(Latents.load(tmp_path / "z" / f"{index}.safetensors").values, expected)


def test_features_for_probes(int8: WavCube, clips: list[np.ndarray]) -> None:
    from wavcube.features.wavcube import WavCubeExtractor

    extractor = WavCubeExtractor(copy.copy(int8))
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(clip) for clip in clips], batch_first=True)
    lengths = torch.tensor([len(clip) for clip in clips])
    frames, counts = extractor(padded, lengths)
    for index, clip in enumerate(clips):
        alone, _ = extractor(torch.from_numpy(clip)[None])
        assert torch.equal(frames[index, : counts[index]], alone[0])
