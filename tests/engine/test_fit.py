"""The loop: resumed runs equal uninterrupted ones, alone or of two processes; bad steps are passed over."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.runs import assert_equal, contents, empty_recipe, interrupt
from wavcube.codec import WavCube
from wavcube.engine import fit as loop
from wavcube.errors import CheckpointError
from wavcube.run_layout import latest_checkpoint
from wavcube.training.run import train_run
from wavcube.training.stages import Stage


@pytest.fixture
def interrupt_at(monkeypatch):
    """Sends this process Ctrl-C when a step is reached."""

    yield lambda step: interrupt(monkeypatch, step)
    monkeypatch.undo()


@pytest.fixture(scope="module")
def stage1_run(small_settings, tmp_path_factory) -> Path:
    """A finished run of stage 1, curves and all."""
    folder = tmp_path_factory.mktemp("runs") / "stage1"
    assert train_run("stage1", folder, settings=small_settings, recipe=empty_recipe(folder.parent))
    return folder


def test_a_run_leaves_a_model_that_users_load(stage1_run):
    model = WavCube.from_pretrained(stage1_run / "model")
    assert model.config.stage == 1
    assert model.restorer is not None
    assert model.latent_mean.shape == model.latent_std.shape == (16,)
    assert (model.latent_std > 0).all()
    checkpoint = WavCube.from_pretrained(latest_checkpoint(stage1_run / "checkpoints"))
    assert torch.equal(model.decoder.input.weight, checkpoint.decoder.input.weight)
    for name in ("config.yaml", "sessions.jsonl", "metrics.jsonl", "curves.png", "tensorboard"):
        assert (stage1_run / name).exists()


def test_statistics_are_those_of_the_latent(stage1_run, recordings):
    model = WavCube.from_pretrained(stage1_run / "model")
    latents = model.encode(sorted(recordings.glob("*.wav")))
    frames = latents.values[latents.mask]
    # Of a few crops of the same recordings: near, not equal.
    assert (model.latent_mean - frames.mean(0)).abs().mean() < 0.5 * frames.std(0).mean()


@pytest.mark.parametrize("task", [pytest.param("stage1", marks=pytest.mark.long), "stage2"])
def test_ten_and_ten_steps_are_twenty(small_settings, stage1_run, tmp_path, interrupt_at, task):
    settings = [*small_settings, "optimizer.steps=20", "optimizer.ema=0.9", "loader.workers=2"]
    if task == "stage2":
        settings.append(f"init_from='{stage1_run}'")
    recipe = empty_recipe(tmp_path)
    assert train_run(task, tmp_path / "whole", recipe=recipe, settings=settings)
    interrupt_at(10)
    assert not train_run(task, tmp_path / "parts", recipe=recipe, settings=settings)
    assert latest_checkpoint(tmp_path / "parts/checkpoints").name == "step-00000010"
    assert train_run(task, tmp_path / "parts", resume=True)
    whole, parts = (contents(tmp_path / name / "checkpoints/step-00000020") for name in ("whole", "parts"))
    assert_equal(whole, parts)
    assert not torch.equal(
        whole["networks.safetensors/model.decoder.input.weight"], whole["model.safetensors/decoder.input.weight"]
    )
    lines = [json.loads(line)["step"] for line in (tmp_path / "parts/metrics.jsonl").read_text().splitlines()]
    assert lines == sorted(set(lines))


def test_accumulated_batches_are_one_large_batch(small_settings, tmp_path):
    settings = [s for s in small_settings if not s.startswith("loader.batch_size")]
    settings += [
        "model.encoder={hidden_dropout: 0.0, attention_dropout: 0.0}",
        "discriminator.adversarial_start_step=9",
        "optimizer.steps=3",
    ]
    recipe = empty_recipe(tmp_path)
    large, small = [*settings, "loader.batch_size=4"], [*settings, "loader.batch_size=2", "optimizer.accumulate=2"]
    assert train_run("stage1", tmp_path / "large", recipe=recipe, settings=large)
    assert train_run("stage1", tmp_path / "small", recipe=recipe, settings=small)
    a, b = (load_file(tmp_path / name / "model/model.safetensors") for name in ("large", "small"))
    torch.testing.assert_close(a["decoder.input.weight"], b["decoder.input.weight"], rtol=1e-3, atol=2e-5)


def test_kept_or_computed_again_activations_give_the_same_weights(small_settings, stage1_run, tmp_path):
    settings = [*small_settings, f"init_from='{stage1_run}'"]
    recipe = empty_recipe(tmp_path)
    again = [*settings, "hardware.checkpoint_activations=true"]
    assert train_run("stage2", tmp_path / "kept", recipe=recipe, settings=settings)
    assert train_run("stage2", tmp_path / "again", recipe=recipe, settings=again)
    a, b = (load_file(tmp_path / name / "model/model.safetensors") for name in ("kept", "again"))
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_bf16_trains(small_settings, tmp_path):
    assert train_run(
        "stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=[*small_settings, "hardware.precision=bf16"]
    )
    weights = load_file(tmp_path / "run/model/model.safetensors")
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in weights.values())


@pytest.fixture
def spoilt_steps(monkeypatch):
    """Makes the generator's loss of some calls infinite."""

    def arm(calls: set[int]) -> None:
        made = 0
        plain = Stage.loss

        def spoilt(self, batch, output, discriminate):
            nonlocal made
            loss, logs = plain(self, batch, output, discriminate)
            made += 1
            return (loss * float("nan") if made in calls else loss), logs

        monkeypatch.setattr(Stage, "loss", spoilt)

    return arm


def test_a_step_without_finite_gradients_is_passed_over(small_settings, tmp_path, spoilt_steps):
    spoilt_steps({2, 4})
    assert train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=small_settings)
    state = contents(tmp_path / "run/checkpoints/step-00000004")["state.json"]
    assert (state["step"], state["nonfinite_steps"], state["nonfinite_in_a_row"]) == (4, 2, 0)
    weights = load_file(tmp_path / "run/model/model.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_too_many_of_them_stop_the_run_with_its_last_checkpoint(small_settings, tmp_path, spoilt_steps):
    spoilt_steps(set(range(3, 100)))
    settings = [*small_settings, "run.save_every=2", "run.stop_after_nonfinite=3"]
    with pytest.raises(loop.DivergedError, match=r"3 steps in a row after step 2 .*step-00000002.*optimizer\.lr"):
        train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=settings)
    assert latest_checkpoint(tmp_path / "run/checkpoints").name == "step-00000002"


def test_the_generator_runs_once_a_step(small_settings, tmp_path, monkeypatch):
    from wavcube.training.stages import StageNetworks

    calls = []
    forward = StageNetworks.forward
    monkeypatch.setattr(
        StageNetworks, "forward", lambda self, *a, **k: (calls.append(self.training), forward(self, *a, **k))[1]
    )
    assert train_run(
        "stage1",
        tmp_path / "run",
        recipe=empty_recipe(tmp_path),
        settings=[*small_settings, "discriminator.adversarial_start_step=0"],
    )
    assert calls.count(True) == 4


def test_a_full_disk_is_noticed_before_training(small_settings, tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    with pytest.raises(CheckpointError, match=r"need \d+\.\d MB, the disk has 1\.0 kB free"):
        train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=small_settings)


def test_validation_measures_and_shows(small_settings, tmp_path):
    settings = [*small_settings, "validation.every=2", "validation.metric_clips=2", "validation.shown_clips=1"]
    assert train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=settings)
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    validations = [line for line in lines if "validation/mel" in line]
    assert [line["step"] for line in validations] == [0, 2, 4]
    assert {"validation/restored", "validation/stoi", "validation/pesq"} <= set(validations[-1])
    best = json.loads((tmp_path / "run/checkpoints/best.json").read_text())
    assert best["mel"] == min(line["validation/mel"] for line in validations[1:])
