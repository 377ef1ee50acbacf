"""Both stages: the reference's losses, and which parameters learn from what."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.locations import REPOSITORY
from wavcube.codec import WavCube
from wavcube.codec.checkpoint.official import convert_official
from wavcube.data.streaming import Batch
from wavcube.errors import CheckpointError, ConfigError
from wavcube.training.config import TrainConfig
from wavcube.training.recipe import read_recipe
from wavcube.training.stages import Stage
from wavcube.training.tasks import build_objective

COMPLETE = Path(os.environ.get("WAVCUBE_GOLDEN", REPOSITORY.parent / "shared/golden"))


@pytest.fixture
def batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    waveform = 0.1 * torch.randn(2, 8000, generator=random)
    return Batch(waveform, torch.tensor([8000, 8000]), ["a", "b"])


@pytest.fixture(scope="module")
def stage1_folder(small_settings, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("stage1")
    stage = build_objective(read_recipe("stage1", None, small_settings), None)
    stage.networks.model.save_pretrained(folder)
    return folder


@pytest.fixture
def stage2(small_settings, stage1_folder) -> Stage:
    return build_objective(read_recipe("stage2", None, [*small_settings, f"init_from='{stage1_folder}'"]), None)


def gradients(stage: Stage, loss: torch.Tensor) -> set[str]:
    """Names of the parameters that `loss` moves."""
    stage.zero_grad()
    loss.backward(retain_graph=True)
    return {name for name, p in stage.networks.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}


def test_stage_1_keeps_the_acoustic_loss_away_from_the_latent(small_config, batch):
    stage = build_objective(small_config, None)
    stage.networks.train()
    output = stage.networks(**stage.inputs(batch))
    acoustic, _ = stage.acoustic(output["audio"], batch.waveform, stage.discriminator)
    assert {name.split(".")[1] for name in gradients(stage, acoustic)} == {"decoder"}
    total, _ = stage.loss(batch, output, stage.discriminator)
    moved = gradients(stage, total)
    assert {name.split(".")[1] for name in moved} == {"compressor", "restorer", "decoder"}
    # The encoder gets none, and everything else gets some.
    assert moved == {name for name, p in stage.networks.named_parameters() if p.requires_grad}


def test_stage_2_moves_everything_but_the_teacher(stage2, batch):
    stage2.networks.train()
    with torch.no_grad():  # as after some training: at the very beginning the student is the teacher
        for p in stage2.networks.model.encoder.parameters():
            p.add_(0.01 * torch.randn_like(p))
    output = stage2.networks(**stage2.inputs(batch))
    acoustic, _ = stage2.acoustic(output["audio"], batch.waveform, stage2.discriminator)
    assert {name.split(".")[1] for name in gradients(stage2, acoustic)} == {"encoder", "compressor", "decoder"}
    total, logs = stage2.loss(batch, output, stage2.discriminator)
    moved = gradients(stage2, total)
    assert moved == {name for name, p in stage2.networks.named_parameters() if not name.startswith("model.teacher.")}
    assert {"restored", "student", "mel", "adversarial_period", "feature_matching_band"} <= set(logs)


def test_the_frozen_encoder_can_listen(small_settings, stage1_folder, batch):
    for name, start, parts in (
        ("stage1", [], {"decoder"}),
        ("stage2", [f"init_from='{stage1_folder}'"], {"encoder", "compressor", "decoder"}),
    ):
        stage = build_objective(read_recipe(name, None, [*small_settings, *start, "losses.encoder_feature=1.0"]), None)
        output = stage.networks(**stage.inputs(batch))
        assert output["decoded_features"].shape == output["target"].shape
        loss, weight = stage._semantic(output)["encoder_feature"]
        assert weight == 1.0
        assert {name.split(".")[1] for name in gradients(stage, loss)} == parts
        exact = {**output, "decoded_features": output["target"]}
        assert stage._semantic(exact)["encoder_feature"][0].abs() < 1e-5


def test_the_discriminators_learn_without_moving_the_networks(stage2, batch):
    output = stage2.networks(**stage2.inputs(batch))
    loss, _ = stage2.discriminator_loss(batch, output, stage2.discriminator)
    assert gradients(stage2, loss) == set()
    assert all(p.grad is not None for p in stage2.discriminator.parameters())


def test_the_student_starts_as_its_teacher(stage2, batch):
    stage2.networks.train()
    _, logs = stage2.loss(batch, stage2.networks(**stage2.inputs(batch)), None)
    assert logs["student"].item() == pytest.approx(0.0, abs=1e-6)
    assert not any(p.requires_grad for p in stage2.networks.model.teacher.parameters())


def test_only_the_adapters_drop_out(stage2, batch):
    stage2.networks.train()
    first, second = (stage2.networks(**stage2.inputs(batch)) for _ in range(2))
    torch.testing.assert_close(first["features"], second["features"], rtol=0, atol=0)
    assert not torch.equal(first["latent"], second["latent"])
    stage2.networks.eval()
    first, second = (stage2.networks(**stage2.inputs(batch)) for _ in range(2))
    torch.testing.assert_close(first["latent"], second["latent"], rtol=0, atol=0)


def test_the_feature_encoder_can_be_frozen(small_settings, stage1_folder):
    settings = [*small_settings, f"init_from='{stage1_folder}'", "model.freeze_feature_encoder=true"]
    encoder = build_objective(read_recipe("stage2", None, settings), None).networks.model.encoder
    assert not any(p.requires_grad for p in encoder.feature_extractor.parameters())
    assert all(p.requires_grad for p in encoder.encoder.parameters())


@pytest.mark.parametrize("bottleneck", ["{kind: vae}", "{kind: sigma-vae}", "{frame_rate: 25}", "{latent_dim: 8}"])
def test_the_ablations_train(small_settings, batch, bottleneck):
    stage = build_objective(read_recipe("stage1", None, [*small_settings, f"model.bottleneck={bottleneck}"]), None)
    stage.networks.train()
    total, logs = stage.loss(batch, stage.networks(**stage.inputs(batch)), None)
    assert gradients(stage, total) == {name for name, p in stage.networks.named_parameters() if p.requires_grad}
    assert ("kl" in logs) == ("vae" in bottleneck)


def test_a_padded_item_counts_as_if_it_were_alone(stage2, batch):
    stage2.networks.eval()
    waveform = batch.waveform.clone()
    waveform[1, 5000:] = 0.0
    padded = Batch(waveform, torch.tensor([8000, 5000]), ["a", "b"])
    together = stage2.networks(**stage2.inputs(padded))
    alone = stage2.networks(waveform[1:, :5000], None)
    frames = int(together["frames"][1])
    assert frames == alone["features"].shape[1]
    for name in ("features", "restored", "target"):
        torch.testing.assert_close(together[name][1:, :frames], alone[name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together["audio"][1:, :5000], alone["audio"], rtol=1e-4, atol=1e-5)
    assert together["audio"][1, 5000:].abs().max() == 0


def test_a_pretrained_encoder_is_taken_over(small_settings, stage1_folder, tmp_path, batch):
    expected = WavCube.from_pretrained(stage1_folder).encoder
    model = build_objective(
        read_recipe("stage1", None, [*small_settings, f"init_from='{stage1_folder}'"]), None
    ).networks.model
    torch.testing.assert_close(model.encoder(batch.waveform)[0], expected(batch.waveform)[0])
    first = model.encoder.encoder.layers[0].state_dict()
    for copy in (model.compressor.layers[0], model.restorer.layers[0]):
        assert all(torch.equal(value, first[name]) for name, value in copy.state_dict().items())


def test_starts_that_cannot_work_are_refused(small_settings, stage1_folder, tmp_path):
    def build(task: str, *settings: str) -> Stage:
        return build_objective(read_recipe(task, None, [*small_settings, *settings]), None)

    with pytest.raises(CheckpointError, match="nowhere"):
        build("stage2", f"init_from='{tmp_path / 'nowhere'}'")
    model = WavCube.from_pretrained(stage1_folder)
    model.restorer = None
    model.config = model.config.from_dict({**model.config.to_dict(), "restorer": False, "stage": 2})
    model.save_pretrained(tmp_path / "bare")
    with pytest.raises(CheckpointError, match="has no restorer"):
        build("stage2", f"init_from='{tmp_path / 'bare'}'")
    (tmp_path / "empty-run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        build("stage2", f"init_from='{tmp_path / 'empty-run'}'")
    with pytest.raises(ConfigError, match="kid"):
        build("stage1", "model.bottleneck={kid: vae}")
    with pytest.raises(ConfigError, match=r"model\.encoder\.width"):
        build("stage1", f"init_from='{stage1_folder}'", "model.encoder={width: 32}")


def test_a_stage_2_model_without_its_teacher_needs_one_named(small_settings, stage1_folder, tmp_path):
    model = WavCube.from_pretrained(stage1_folder)
    model.config = model.config.from_dict({**model.config.to_dict(), "stage": 2})
    model.save_pretrained(tmp_path / "tuned")
    settings = [*small_settings, f"init_from='{tmp_path / 'tuned'}'"]
    with pytest.raises(CheckpointError, match="without its teacher"):
        build_objective(read_recipe("stage2", None, settings), None)
    stage = build_objective(read_recipe("stage2", None, [*settings, f"teacher='{stage1_folder}'"]), None)
    assert stage.networks.model.config.teacher


@pytest.mark.parametrize("number", [1, 2])
def test_losses_agree_with_the_reference(monkeypatch, tmp_path, number):
    """mel and semantic losses of the golden model on the golden batch, dropout off."""
    if not COMPLETE.is_dir():
        pytest.skip("the complete golden arrays are not here (WAVCUBE_GOLDEN names their folder)")
    convert_official(
        COMPLETE / f"tiny_stage{number}_gen.ckpt",
        tmp_path / "model",
        decoder_heads=4,
        vocoder_heads=4,
        keep_training_modules=True,
    )
    # The reference normalises a batch by one mean and variance of all its items.
    monkeypatch.setattr(
        "wavcube.codec.encoder.speech_encoder.normalize_waveform",
        lambda waveform, lengths: (waveform - waveform.mean()) / torch.sqrt(waveform.var(correction=0) + 1e-7),
    )
    config = TrainConfig(task=f"stage{number}", init_from=str(tmp_path / "model"))
    config.losses.gan = 0.0
    stage = build_objective(config, tmp_path / "model")
    stage.networks.eval()
    waveform = torch.from_numpy(np.load(COMPLETE / "inputs.npz")["loss_batch"])
    batch = Batch(waveform, torch.tensor([32000, 32000]), ["a", "b"])
    _, logs = stage.loss(batch, stage.networks(**stage.inputs(batch)), None)
    golden = json.loads((COMPLETE / f"tiny_stage{number}_losses.json").read_text())
    assert logs["mel"].item() == pytest.approx(golden["gen:generator/mel_loss"], rel=1e-5)
    if number == 1:
        assert logs["restored"].item() == pytest.approx(golden["gen:generator/semantic_reconstruction_loss"], rel=1e-5)
    else:
        assert logs["restored"].item() == pytest.approx(golden["gen:generator/sr_loss_recon"], rel=1e-5)
        assert logs["student"].item() == pytest.approx(golden["gen:generator/sr_loss_ssl"], rel=1e-5)
