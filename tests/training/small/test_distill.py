import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from wavcube.codec import SpeechEncoder
from wavcube.data.streaming import Batch
from wavcube.errors import ConfigError
from wavcube.training.init_from import load_encoder
from wavcube.training.small.distill import Distill, feature_distance
from wavcube.training.small.distillation_heads import HEADS


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("teacher")
    config = WhisperConfig(d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64)
    WhisperEncoder(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def config(small_config, teacher):
    return dataclasses.replace(small_config, task="distill", teacher=teacher)


def batch_of(count: int, samples: int = 8000) -> Batch:
    waveform = torch.randn(count, samples, generator=torch.Generator().manual_seed(1)) * 0.1
    return Batch(waveform, torch.full((count,), samples), [str(i) for i in range(count)])


def step(objective: Distill, batch: Batch) -> torch.Tensor:
    return objective.loss(batch, objective.networks(**objective.inputs(batch)), None)[0]


def test_the_student_learns_and_the_teacher_stays(config):
    torch.manual_seed(0)
    objective, batch = Distill(config, None), batch_of(2)
    before = {name: value.clone() for name, value in objective.networks.teacher.state_dict().items()}
    networks = objective.networks.train()
    assert not networks.teacher.training
    trained = [p for p in networks.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=3e-3)
    losses = []
    for _ in range(15):
        loss = step(objective, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for p in networks.head_middle.parameters())
    assert all(p.grad is not None for p in networks.student.feature_extractor.parameters())
    for name, value in networks.teacher.state_dict().items():
        assert torch.equal(value, before[name])


def test_targets_are_standardised(config):
    objective = Distill(config, None)
    output = objective.networks.train()(**objective.inputs(batch_of(4)))
    assert output["last_target"].shape == (4, 24, 32)
    assert output["last_target"].mean((0, 1)).abs().max() < 1e-3
    torch.testing.assert_close(output["last_target"].std((0, 1)), torch.ones(32), atol=0.05, rtol=0)


def test_the_spectrum_has_the_students_frames(config):
    output = Distill(config, None).networks.train()(**Distill(config, None).inputs(batch_of(2)))
    assert output["spectrum"].shape == output["spectrum_target"].shape == (2, 24, 80)


def test_the_teacher_is_asked_once_where_its_answers_are_kept(config, tmp_path):
    config.loader = dataclasses.replace(config.loader, feature_cache=str(tmp_path))
    objective, batch = Distill(config, None), batch_of(2)
    objective.networks.train()
    first = objective.inputs(batch)["teacher_features"]
    torch.testing.assert_close(first, objective.networks.compute_teacher_features(batch.waveform), rtol=2e-3, atol=2e-3)
    with torch.no_grad():
        for parameter in objective.networks.teacher.parameters():
            parameter.zero_()
    assert torch.equal(objective.inputs(batch)["teacher_features"], first)
    objective.networks.eval()
    assert "teacher_features" not in objective.inputs(batch)


def test_a_checkpoint_brings_everything_back(config, tmp_path):
    objective = Distill(config, None)
    objective.networks.train()(**objective.inputs(batch_of(4)))  # moves the running statistics
    objective.save(tmp_path, objective.networks.state_dict())
    again = Distill(config, tmp_path)
    for name, value in objective.networks.state_dict().items():
        torch.testing.assert_close(again.networks.state_dict()[name], value, msg=name)
    assert not any(name.startswith("teacher") for name in load_file(tmp_path / HEADS))


def test_the_export_is_an_encoder_that_stage_1_starts_from(config, tmp_path):
    objective = Distill(config, None)
    objective.save(tmp_path / "checkpoint", objective.networks.state_dict())
    objective.export(tmp_path / "checkpoint", tmp_path / "model")
    student = objective.networks.student.eval()
    loaded = load_encoder(str(tmp_path / "model")).eval()
    assert loaded.config == student.config
    waveform = batch_of(1).waveform
    with torch.no_grad():
        torch.testing.assert_close(loaded(waveform)[0], student(waveform)[0])
    assert not (tmp_path / "model" / HEADS).exists()


def test_the_student_keeps_a_level_that_is_not_normalised(config, tmp_path):
    config.model.encoder = {"normalize_waveform": False, "conv_bias": True}
    objective = Distill(config, None)
    objective.save(tmp_path, objective.networks.state_dict())
    assert SpeechEncoder.from_transformers(str(tmp_path)).config == objective.networks.student.config


def test_padding_does_not_count():
    estimate, target = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    changed = target.clone()
    changed[1, 3:] = 1e6
    torch.testing.assert_close(feature_distance(estimate, target, mask), feature_distance(estimate, changed, mask))
    assert feature_distance(target, target, None) < 1e-5


def test_a_teacher_is_needed(small_config):
    with pytest.raises(ConfigError, match="teacher"):
        Distill(dataclasses.replace(small_config, task="distill"), None)


def test_students_are_wavlms(config):
    config.model.encoder = {"family": "hubert"}
    with pytest.raises(ConfigError, match="wavlm"):
        Distill(config, None)
