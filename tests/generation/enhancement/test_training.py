import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.locations import REPOSITORY, SPEECH
from wavcube.codec import WavCube
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import Mixer, MixtureConfig
from wavcube.errors import ConfigError
from wavcube.generation.enhancement import SpeechEnhancer
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig
from wavcube.generation.enhancement.training.frames import NoisyBatch
from wavcube.generation.enhancement.training.run import train_run
from wavcube.generation.regression.training.batches import MixtureBatches
from wavcube.generation.regression.training.config import read_recipe
from wavcube.generation.regression.training.frames import MixtureFrames

MIXTURES = MixtureConfig([SourceConfig(str(SPEECH / "speech.tsv"))])


def settings(codec: Path, folder: Path, *more: str) -> list[str]:
    source = f"[{{path: {SPEECH / 'speech.tsv'}}}]"
    return [
        f"representation='wavcube:{codec}'",
        f"mixtures.speech={source}",
        f"held_out.speech={source}",
        f"batches.cache={folder / 'frames'}",
        "batches.pool=8",
        "batches.mixtures=4",
        "batches.seconds=1.0",
        "validation.mixtures=4",
        "optimizer.steps=6",
        "optimizer.warmup=0",
        "transformer={width: 32, layers: 1, heads: 2, position_kernel: 3}",
        *more,
    ]


def train(folder: Path, codec: Path, *more: str, resume: bool = False) -> bool:
    recipe = REPOSITORY / "recipes/enhance-debug.yaml"
    return train_run(folder, recipe=recipe, settings=settings(codec, folder.parent, *more), resume=resume)


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [value for line in lines for name, value in line.items() if name in ("loss", "train/loss")]


def test_a_run_learns_and_its_model_enhances(wavcube_folder: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "run", wavcube_folder, "optimizer.steps=40", "optimizer.ema=0", "validation.every=40")
    found = losses(tmp_path / "run")
    assert found[-1] < 0.95 * found[0]
    enhancer = SpeechEnhancer.from_pretrained(tmp_path / "run")
    assert len(enhancer.enhance(SPEECH / "p287_002.flac")) > 16_000
    card = (tmp_path / "run/model/README.md").read_text()
    assert "a pool of 8 mixtures" in card


@pytest.mark.parametrize("pool", [8, pytest.param(0, marks=pytest.mark.long)])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(wavcube_folder: Path, tmp_path: Path, pool: int) -> None:
    more = (f"batches.pool={pool}", "validation.every=0", "optimizer.final_lr=1")  # the rate is constant
    assert train(tmp_path / "whole", wavcube_folder, *more)
    assert train(tmp_path / "parts", wavcube_folder, *more, "optimizer.steps=3")
    assert train(tmp_path / "parts", wavcube_folder, *more, resume=True)
    whole, parts = (load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_frames_of_a_pool_survive_an_interruption(
    wavcube_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    mixer = Mixer(MIXTURES, 8000)
    whole = MixtureFrames(NoisyBatch, codec, mixer, 20, tmp_path / "whole")
    whole.compute()
    broken = MixtureFrames(NoisyBatch, codec, mixer, 20, tmp_path / "broken")
    true_frames = MixtureFrames._frames_of

    def failing(self: MixtureFrames, numbers: list[int]) -> object:
        if 8 in numbers:
            raise KeyboardInterrupt
        return true_frames(self, numbers)

    monkeypatch.setattr(MixtureFrames, "_frames_of", failing)
    with pytest.raises(KeyboardInterrupt):
        broken.compute()
    monkeypatch.undo()
    again = MixtureFrames(NoisyBatch, codec, mixer, 20, tmp_path / "broken")
    assert "7" in again
    assert "8" not in again
    again.compute()
    for one, other in zip(vars(whole.batch(range(20))).values(), vars(again.batch(range(20))).values(), strict=True):
        assert torch.equal(one, other)


def test_batches_of_a_pool_and_of_new_mixtures_are_the_same_frames(wavcube_folder: Path, tmp_path: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    mixer = Mixer(MIXTURES, 8000)
    new = next(iter(MixtureBatches(NoisyBatch, mixer, 4, seed=0, codec=codec)))
    frames = MixtureFrames(NoisyBatch, codec, mixer, 4, tmp_path)
    frames.compute()
    pooled = frames.batch(range(4))
    for one, other in ((new.features, pooled.features), (new.latents, pooled.latents), (new.clean, pooled.clean)):
        assert torch.allclose(one, other, rtol=2e-3, atol=2e-3)


def test_ranks_share_an_epoch_and_positions_are_returned_to(wavcube_folder: Path, tmp_path: Path) -> None:
    frames = MixtureFrames(NoisyBatch, WavCube.from_pretrained(wavcube_folder), Mixer(MIXTURES, 8000), 12, tmp_path)
    alone = MixtureBatches(NoisyBatch, frames, 6, seed=0)
    ranks = [MixtureBatches(NoisyBatch, frames, 3, 0, rank, 2) for rank in range(2)]
    assert sorted(alone._numbers(0) + alone._numbers(6)) == list(range(12))
    assert sorted(alone._numbers(0)) == sorted(ranks[0]._numbers(0) + ranks[1]._numbers(0))
    frames.compute()
    stream = iter(alone)
    next(stream)
    position = alone.state_dict()
    expected = next(stream)
    other = MixtureBatches(NoisyBatch, frames, 6, seed=0)
    other.load_state_dict(position)
    assert torch.equal(next(iter(other)).features, expected.features)


def test_recipes_are_read_and_faults_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVCUBE_DATA", "somewhere")
    for name in ("enhance", "enhance-small", "enhance-debug"):
        read_recipe(EnhanceTrainConfig, REPOSITORY / f"recipes/{name}.yaml")
    with pytest.raises(ConfigError, match=r"mixtures\.speech is empty"):
        read_recipe(EnhanceTrainConfig)
    with pytest.raises(ConfigError, match="pool is 3"):
        read_recipe(EnhanceTrainConfig, REPOSITORY / "recipes/enhance-debug.yaml", ["batches.pool=3"])
    with pytest.raises(ConfigError, match="transformer: unknown key widht"):
        read_recipe(EnhanceTrainConfig, REPOSITORY / "recipes/enhance-debug.yaml", ["transformer={widht: 3}"])
