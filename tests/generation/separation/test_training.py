import json
from pathlib import Path

import pytest
import torch

from tests.locations import REPOSITORY, SPEECH
from wavcube.codec import WavCube
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import TalkerConfig, TalkerMixer
from wavcube.generation.regression.training.config import read_recipe
from wavcube.generation.regression.training.frames import MixtureFrames
from wavcube.generation.separation import SpeechSeparator
from wavcube.generation.separation.training.config import SeparateTrainConfig
from wavcube.generation.separation.training.frames import TalkerBatch
from wavcube.generation.separation.training.run import train_run


def test_a_tiny_run_learns_and_its_model_separates(wavcube_folder: Path, tmp_path: Path) -> None:
    source = f"[{{path: {SPEECH / 'speech.tsv'}}}]"
    settings = [
        f"representation='wavcube:{wavcube_folder}'",
        f"mixtures.speech={source}",
        f"held_out.speech={source}",
        f"batches.cache={tmp_path / 'frames'}",
        "batches.pool=8",
        "batches.mixtures=4",
        "batches.seconds=1.0",
        "validation.mixtures=4",
        "validation.every=40",
        "optimizer.steps=40",
        "optimizer.warmup=0",
        "optimizer.ema=0",
        "transformer={width: 32, layers: 1, heads: 2, position_kernel: 3}",
    ]
    assert train_run(tmp_path / "run", recipe=REPOSITORY / "recipes/separate-debug.yaml", settings=settings)
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    losses = [value for line in lines for name, value in line.items() if name in ("loss", "train/loss")]
    assert losses[-1] < 0.95 * losses[0]
    separator = SpeechSeparator.from_pretrained(tmp_path / "run")
    assert separator.separate(SPEECH / "p287_002.flac").shape[0] == 2
    assert "Speech separation" in (tmp_path / "run/model/README.md").read_text()


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
