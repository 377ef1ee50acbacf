"""The task `pitch`: it learns, resumes, and stage 1 takes its network."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from tests.training.runs import assert_equal, contents, empty_recipe, interrupt
from wavcube.codec.source_filter.pitch import REFERENCE, read_f0
from wavcube.data.streaming import Batch
from wavcube.errors import CheckpointError, ConfigError
from wavcube.training.config import TrainConfig
from wavcube.training.init_from import load_encoder, stage1_model
from wavcube.training.recipe import read_recipe
from wavcube.training.run import train_run
from wavcube.training.small.pitch_folder import load_pitch
from wavcube.training.small.pitch_reference import PitchReference
from wavcube.training.small.pitch_task import PitchTask, changed

SMALL = "model.encoder={mel_bins: 20, pitch_width: 16, pitch_layers: 1}"


def voice(f0: float, samples: int = 8000) -> np.ndarray:
    """Harmonics of a steady F0 in Hz, then silence for the last quarter."""
    time = np.arange(samples) / 16_000
    tone = sum(np.sin(2 * np.pi * k * f0 * time) / k for k in range(1, 12))
    return (0.2 * tone * (time < 0.75 * time[-1])).astype(np.float32)


@pytest.fixture
def config(small_settings: list[str]) -> TrainConfig:
    return read_recipe("pitch", None, [*small_settings, SMALL])


@pytest.fixture
def batch() -> Batch:
    waveform = torch.from_numpy(np.stack([voice(f0) for f0 in (90.0, 130.0, 210.0, 320.0)]))
    return Batch(waveform, torch.full((4,), 8000), ["a", "b", "c", "d"])


def test_the_reference_finds_pitch_and_silence(batch: Batch) -> None:
    track = PitchReference()(batch.waveform, batch.lengths, 48)
    assert track.shape == (4, 48, 2)
    for row, f0 in zip(track, (90.0, 130.0, 210.0, 320.0), strict=True):
        assert row[5:30, 1].all()
        assert not row[42:, 1].any()
        assert float(row[10:30, 0].median()) == pytest.approx(math.log(f0 / REFERENCE), abs=0.02)
    shorter = PitchReference()(batch.waveform, torch.full((4,), 3200), 48)
    assert not shorter[:, 20:, 1].any()


def test_it_learns_the_pitch_of_tones(config: TrainConfig, batch: Batch) -> None:
    torch.manual_seed(0)
    task = PitchTask(config, None)
    assert task.networks.encoder.pitch_width == 16
    optimizer = torch.optim.AdamW(task.networks.parameters(), lr=5e-3)
    before = task.networks.eval()(**task.inputs(batch))
    first = task.measure(batch, before)
    for _ in range(40):
        task.networks.train()
        loss, _ = task.loss(batch, task.networks(**task.inputs(batch)), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None for p in task.networks.parameters())
    with torch.no_grad():
        output = task.networks.eval()(**task.inputs(batch))
    last = task.measure(batch, output)
    assert last["f0"] < 0.8 * first["f0"]
    assert last["voicing"] < 0.5 * first["voicing"]
    assert last["cents"] < 30
    assert float(read_f0(output["scores"])[1, 10:30].median()) == pytest.approx(math.log(130 / REFERENCE), abs=0.02)


def test_padding_counts_for_nothing(config: TrainConfig, batch: Batch) -> None:
    task = PitchTask(config, None)
    task.networks.eval()
    noisy = batch.waveform.clone()
    noisy[:, 5000:] = torch.randn(4, 3000)
    padded = Batch(noisy, torch.full((4,), 5000), batch.names)
    alone = Batch(batch.waveform[:, :5000].contiguous(), torch.full((4,), 5000), batch.names)
    together, single = (task.measure(b, task.networks(**task.inputs(b))) for b in (padded, alone))
    for name, value in single.items():
        torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-5)


def test_half_of_the_crops_are_changed() -> None:
    waveform = torch.from_numpy(voice(100.0, 2000)).expand(200, -1)
    same = (changed(waveform) == waveform).all(1).float().mean()
    assert 0.35 < float(same) < 0.65


def test_ten_and_ten_steps_are_twenty(
    small_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*small_settings, SMALL, "optimizer.steps=20", "optimizer.ema=0.9", "validation.best_by=f0"]
    recipe = empty_recipe(tmp_path)
    assert train_run("pitch", tmp_path / "whole", recipe=recipe, settings=settings)
    with monkeypatch.context() as patch:
        interrupt(patch, 10)
        assert not train_run("pitch", tmp_path / "parts", recipe=recipe, settings=settings)
    assert train_run("pitch", tmp_path / "parts", resume=True)
    whole, parts = (contents(tmp_path / name / "checkpoints/step-00000020") for name in ("whole", "parts"))
    assert_equal(whole, parts)
    config, network = load_pitch(tmp_path / "parts")
    assert (config.pitch_width, config.mel_bins) == (16, 20)
    weights = network.state_dict()
    assert all(torch.equal(whole[f"model.safetensors/{name}"], value) for name, value in weights.items())


def test_stage_1_takes_the_network(config: TrainConfig, small_settings: list[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"d_model": 64, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 128}
    WhisperEncoder(WhisperConfig(**sizes, num_mel_bins=20)).save_pretrained(tmp_path / "whisper")
    task = PitchTask(config, None)
    task.save(tmp_path / "pitch", task.networks.state_dict())
    features = {"mel_features": True, "pitch_features": True}
    with pytest.raises(ConfigError, match=r"model\.pitch"):
        load_encoder(str(tmp_path / "whisper"), features)
    with pytest.raises(ConfigError, match="pitch_features=true"):
        load_encoder(str(tmp_path / "whisper"), {"mel_features": True}, str(tmp_path / "pitch"))
    settings = [
        *small_settings,
        f"init_from='{tmp_path / 'whisper'}'",
        f"model.pitch='{tmp_path / 'pitch'}'",
        "model.encoder={mel_features: true, pitch_features: true}",
        "model.bottleneck={compressor: linear, restorer: linear, layers: 0}",
        "model.decoder={architecture: source-filter}",
        "model.closed_form=5",
        "model.closed_form_seconds=10",
    ]
    model = stage1_model(read_recipe("stage1", None, settings))
    assert model.config.encoder.feature_width == 40 + 4 + 64
    for name, value in model.encoder.acoustic_features.pitch.state_dict().items():
        assert torch.equal(value, task.networks.tracker.state_dict()[name])
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match="leave out"):
        load_encoder(str(tmp_path / "model"), features, str(tmp_path / "pitch"))
    other = PitchTask(dataclasses.replace(config, model=dataclasses.replace(config.model, encoder={})), None)
    other.save(tmp_path / "other", other.networks.state_dict())
    with pytest.raises(ConfigError, match="another log-mel"):
        load_encoder(str(tmp_path / "whisper"), features, str(tmp_path / "other"))


def test_what_is_no_pitch_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wavcube train pitch"):
        load_pitch(tmp_path)
    (tmp_path / "config.json").write_text('{"format": "wavcube-1"}')
    with pytest.raises(CheckpointError, match="holds no pitch network"):
        load_pitch(tmp_path)
