import json
from pathlib import Path

import pytest
import torch

from tests.locations import REPOSITORY, SPEECH
from wavcube.codec import WavCube
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import TalkerConfig, TalkerMixer
from wavcube.errors import CheckpointError
from wavcube.generation.regression.training.config import read_recipe
from wavcube.generation.regression.training.frames import MixtureFrames
from wavcube.generation.separation import SpeechSeparator
from wavcube.generation.separation.training.config import SeparateTrainConfig
from wavcube.generation.separation.training.frames import TalkerBatch
from wavcube.generation.separation.training.run import train_run

RECIPE = REPOSITORY / "recipes/separate-debug.yaml"
SIZES = "transformer={width: 32, layers: 1, heads: 2, position_kernel: 3}"


@pytest.fixture(scope="module")
def settings(wavcube_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    source = f"[{{path: {SPEECH / 'speech.tsv'}}}]"
    return [
        f"mixtures.speech={source}",
        f"held_out.speech={source}",
        f"batches.cache={tmp_path_factory.mktemp('frames')}",
        "batches.pool=8",
        "batches.mixtures=4",
        "batches.seconds=1.0",
        "validation.mixtures=4",
        "validation.every=40",
        "optimizer.warmup=0",
        "optimizer.ema=0",
    ]


@pytest.fixture(scope="module")
def run(settings: list[str], wavcube_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 40 steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    own = [SIZES, f"representation='wavcube:{wavcube_folder}'", "optimizer.steps=40"]
    assert train_run(folder, recipe=RECIPE, settings=[*settings, *own])
    return folder


def values(run: Path, *names: str) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [value for line in lines for name, value in line.items() if name in names]


def test_a_tiny_run_learns_and_its_model_separates(run: Path) -> None:
    losses = values(run, "loss", "train/loss")
    assert losses[-1] < 0.95 * losses[0]
    separator = SpeechSeparator.from_pretrained(run)
    assert separator.separate(SPEECH / "p287_002.flac").shape[0] == 2
    assert "Speech separation" in (run / "model/README.md").read_text()


def test_a_run_from_a_model_goes_on_where_that_ended(
    run: Path, settings: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = [*settings, "optimizer.steps=2"]
    assert train_run(tmp_path / "more", recipe=RECIPE, init_from=str(run), settings=more)
    assert "['width', 'layers', 'position_kernel'] of the recipe are left out" in caplog.text
    began = values(tmp_path / "more", "validation/loss")[0]
    untrained, trained = values(run, "validation/loss")
    assert began < trained + 0.1 * (untrained - trained)
    before, after = (SpeechSeparator.from_pretrained(folder).model.config for folder in (run, tmp_path / "more"))
    assert after.transformer == before.transformer
    assert after.representation == before.representation


def test_a_model_to_go_on_from_that_is_not_there_is_named(settings: list[str], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing: no such folder of a speech separation model"):
        train_run(tmp_path / "run", recipe=RECIPE, init_from="nothing", settings=settings)


def test_frames_come_back_from_the_disk(wavcube_folder: Path, tmp_path: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    mixer = TalkerMixer(TalkerConfig([SourceConfig(str(SPEECH / "speech.tsv"))], enrolment_seconds=1.5), 16_000)
    frames = MixtureFrames(TalkerBatch, codec, mixer, 2, tmp_path)
    frames.compute()
    stored, new = frames.batch(range(2)), TalkerBatch.encoded(codec, [mixer[0], mixer[1]])
    for name, values in vars(new).items():
        assert torch.allclose(getattr(stored, name), values, rtol=2e-3, atol=2e-3), name


def test_recipes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVCUBE_DATA", "somewhere")
    for name in ("separate", "separate-small", "separate-debug"):
        read_recipe(SeparateTrainConfig, REPOSITORY / f"recipes/{name}.yaml")
