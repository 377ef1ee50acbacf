"""Checkpoints are whole or absent, few, and the best one stays."""

import json
import shutil

import pytest
import torch
from lightning.fabric import Fabric

from wavcube.data.streaming import build_loader
from wavcube.engine.checkpoints import (
    TrainerState,
    checkpoint_bytes,
    load_checkpoint,
    save_checkpoint,
)
from wavcube.errors import CheckpointError
from wavcube.run_layout import STATE, latest_checkpoint
from wavcube.training.tasks import build_objective


@pytest.fixture
def fabric():
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def state(small_config):
    objective = build_objective(small_config, None)
    loader = build_loader(small_config.data, crop_samples=8000, batch_size=2, train=True)
    trained = [p for p in objective.networks.parameters() if p.requires_grad]
    discriminator_optimizer = torch.optim.AdamW(objective.discriminator.parameters())
    return TrainerState(objective, torch.optim.AdamW(trained), discriminator_optimizer, None, loader)


def save(fabric, folder, state, step, keep=2, best=None):
    state.counters.step = step
    return save_checkpoint(fabric, folder, state, keep=keep, best=best)


def test_the_newest_and_the_best_stay(tmp_path, fabric, state):
    for step in range(1, 6):
        save(fabric, tmp_path, state, step, best={"mel": 0.5} if step == 2 else None)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [f"step-{i:08d}" for i in (2, 4, 5)]
    assert json.loads((tmp_path / "best.json").read_text()) == {"step": 2, "mel": 0.5}
    assert latest_checkpoint(tmp_path).name == "step-00000005"


def test_its_size_is_estimated(tmp_path, fabric, state):
    path = save(fabric, tmp_path, state, 1)
    written = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert checkpoint_bytes(state) == pytest.approx(written, rel=0.4)


def test_what_was_half_written_counts_for_nothing(tmp_path, fabric, state):
    assert latest_checkpoint(tmp_path) is None
    whole = save(fabric, tmp_path, state, 1)
    shutil.copytree(whole, tmp_path / "step-00000009")
    (tmp_path / "step-00000009" / STATE).unlink()
    (tmp_path / ".partial-step-00000008").mkdir()
    assert latest_checkpoint(tmp_path) == whole
    save(fabric, tmp_path, state, 2)
    assert not list(tmp_path.glob(".partial-*"))


def test_a_failure_leaves_the_earlier_ones_alone(tmp_path, fabric, state, monkeypatch):
    whole = save(fabric, tmp_path, state, 1)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match=r"step-00000002.*No space left.*--resume"):
        save(fabric, tmp_path, state, 2)
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]


def test_a_damaged_one_is_named(tmp_path, fabric, state):
    whole = save(fabric, tmp_path, state, 1)
    (whole / "trainer/optimizers.pt").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=f"{whole.name}: training cannot go on"):
        load_checkpoint(fabric, whole, state)
