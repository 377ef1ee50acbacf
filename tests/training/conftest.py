"""Small recordings, models and settings that train in seconds."""

from pathlib import Path

import pytest
import torch

from tests.locations import REPOSITORY
from wavcube.audio.io import save_audio
from wavcube.engine.logger import RunLogger
from wavcube.training.config import TrainConfig
from wavcube.training.recipe import read_recipe

# Workers of pytest-xdist share the cores; on tensors this small threads only wait for one another.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory) -> Path:
    """A folder of eight recordings of 0.6 to 1.3 s: noise under tones, different every one."""
    folder = tmp_path_factory.mktemp("recordings")
    random = torch.Generator().manual_seed(0)
    for i in range(8):
        time = torch.arange(9600 + 1600 * i) / 16_000
        tone = torch.sin(2 * torch.pi * (120 + 40 * i) * time) * (0.5 + 0.5 * torch.sin(2 * torch.pi * 3 * time))
        noise = 0.05 * torch.randn(len(time), generator=random)
        save_audio(folder / f"{i}.wav", (0.3 * tone + noise).numpy(), 16_000)
    return folder


@pytest.fixture(scope="session")
def small_settings(recordings) -> list[str]:
    """Settings of a run of seconds, all parts of it at work."""
    return [
        "init_from=random",
        "model.preset=tiny",
        f"data.sources=[{{path: '{recordings}'}}]",
        f"validation_data.sources=[{{path: '{recordings}'}}]",
        "loader.crop_seconds=0.5",
        "loader.batch_size=2",
        "loader.workers=0",
        "discriminator.adversarial_start_step=2",
        "losses.stft_windows=[256]",
        "discriminator.periods=[2]",
        "discriminator.period_channels=[4, 8]",
        "discriminator.windows=[256]",
        "discriminator.band_channels=4",
        "optimizer.steps=4",
        "optimizer.warmup=2",
        "optimizer.lr=0.001",
        "validation.every=0",
        "validation.crop_seconds=0.5",
        "validation.clips=2",
        "validation.metric_clips=0",
        "validation.shown_clips=0",
        "run.log_every=2",
        "run.save_every=100",
        "model.statistics_clips=2",
        "hardware.accelerator=cpu",
        "hardware.devices=1",
    ]


@pytest.fixture
def small_config(small_settings) -> TrainConfig:
    return read_recipe("stage1", None, small_settings)


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(autouse=True)
def _no_pictures(request, monkeypatch):
    """Drawing the curves takes longer than training here; tests that look at them ask for `with_curves`."""
    if "with_curves" not in request.fixturenames:
        monkeypatch.setattr(RunLogger, "plot_curves", lambda self: None)


@pytest.fixture
def with_curves() -> None:
    """Let curves be drawn."""
