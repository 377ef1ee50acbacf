"""A model whose compressor and restorer are linear maps: closed form, stage 1, then stage 2 from its folder."""

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.codec.small import signal
from tests.codec.source_filter.test_decoder import SOURCE_FILTER, moved
from tests.training.runs import assert_equal, contents, empty_recipe, interrupt
from wavcube.codec import WavCube
from wavcube.codec.bottleneck import LinearRestorer
from wavcube.data.streaming import Batch
from wavcube.training.recipe import read_recipe
from wavcube.training.run import train_run
from wavcube.training.small.closed_form import closed_form_init
from wavcube.training.stages import Stage
from wavcube.training.tasks import build_objective

RECORDINGS = [signal(16_000, seed=seed) for seed in range(6)]


def linear_model() -> WavCube:
    torch.manual_seed(0)
    bottleneck = dataclasses.replace(SOURCE_FILTER.bottleneck, restorer="linear")
    model = moved(WavCube(dataclasses.replace(SOURCE_FILTER, bottleneck=bottleneck, stage=1)))
    with torch.no_grad():
        model.decoder.pitch_correction.weight.mul_(0.2)
        model.decoder.head.weight.mul_(0.2)
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    linear_model().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_it_restores_the_last_layer_as_least_squares_do() -> None:
    model = linear_model()
    assert isinstance(model.restorer, LinearRestorer)
    assert {name: list(value.shape) for name, value in model.restorer.state_dict().items()} == {
        "projection.weight": [64, 16],
        "projection.bias": [64],
    }
    model.requires_grad_(False)
    closed_form_init(model, RECORDINGS, mel_weight=1.0)
    # Loud recordings without silence, where all frames weigh the same.
    latent = torch.cat([model.encode(recording, 16_000).values[0] for recording in RECORDINGS]).double()
    last = torch.cat([model.features(recording, 16_000).values[0] for recording in RECORDINGS]).double()[:, -64:]
    restored = model.restorer(latent.float()).double()
    with_one = torch.cat([latent, torch.ones(len(latent), 1)], 1)
    best = with_one @ torch.linalg.lstsq(with_one, last).solution
    error, least = (restored - last).square().mean(), (best - last).square().mean()
    assert float(error) == pytest.approx(float(least), rel=2e-2)
    assert float(least) < 0.9 * float((last - last.mean(0)).square().mean())


def test_it_changes_neither_the_latent_nor_its_name() -> None:
    model = linear_model()
    plain = WavCube(dataclasses.replace(model.config, bottleneck=SOURCE_FILTER.bottleneck))
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("restorer")}, strict=False)
    assert plain.identity == model.identity
    assert model.restore(model.encode(signal(9_000), 16_000)).values.shape == (1, 27, 64)


def test_stage_2_moves_encoder_compressor_restorer_and_decoder(small_settings: list[str], folder: Path) -> None:
    stage = build_objective(read_recipe("stage2", None, [*small_settings, f"init_from='{folder}'"]), None)
    assert isinstance(stage, Stage)
    stage.networks.train()
    with torch.no_grad():
        for p in stage.networks.model.encoder.parameters():
            p.add_(0.01 * torch.randn_like(p))
    waveform = torch.stack([torch.from_numpy(signal(8000, seed=seed)) for seed in (1, 2)])
    batch = Batch(waveform, torch.tensor([8000, 8000]), ["a", "b"])
    total, logs = stage.loss(batch, stage.networks(**stage.inputs(batch)), None)
    total.backward()
    assert {"restored", "student", "pitch", "mel"} <= set(logs)
    learning = {name for name, p in stage.networks.named_parameters() if p.requires_grad}
    moved = {name for name, p in stage.networks.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert learning - moved <= {name for name in learning if "k_proj.bias" in name}  # softmax does not see it
    assert {name.split(".")[1] for name in moved} == {"encoder", "compressor", "restorer", "decoder"}
    assert not any("acoustic_features" in name for name in learning)


@pytest.fixture
def settings(small_settings: list[str]) -> list[str]:
    return [
        *small_settings,
        "model.encoder={mel_features: true, pitch_features: true}",
        "model.bottleneck={compressor: linear, restorer: linear, layers: 0}",
        "model.decoder={architecture: source-filter, source_filter: {width: 32, layers: 1, feed_forward: 32,"
        " fine_width: 16, fine_layers: 1, fine_feed_forward: 16}}",
        "model.closed_form=5",
        "model.closed_form_seconds=20",
        "losses.latent_noise=0.3",
        "losses.voiced=1",
        "optimizer.ema=0.9",
    ]


@pytest.mark.long
def test_both_stages_resume_to_the_bit_and_what_they_leave_is_whole(
    settings: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, start = empty_recipe(tmp_path), folder
    for task in ("stage1", "stage2"):
        own = [*settings, f"init_from='{start}'"]
        assert train_run(task, tmp_path / task, recipe=recipe, settings=own)
        with monkeypatch.context() as patch:
            interrupt(patch, 2)
            assert not train_run(task, tmp_path / f"{task}-parts", recipe=recipe, settings=own)
        assert train_run(task, tmp_path / f"{task}-parts", resume=True)
        whole, parts = (contents(tmp_path / name / "checkpoints/step-00000004") for name in (task, f"{task}-parts"))
        assert_equal(whole, parts)
        start = tmp_path / task
    one, two = (WavCube.from_pretrained(tmp_path / task) for task in ("stage1", "stage2"))
    assert isinstance(one.restorer, LinearRestorer)
    assert not torch.equal(two.compressor.projection[0].weight, one.compressor.projection[0].weight)
    assert two.teacher is None
    assert two.decode(two.encode(signal(9_000), 16_000)).isfinite().all()


def test_a_packaged_model_of_stage_2_is_anchored_by_its_own_encoder(
    small_settings: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = WavCube.from_pretrained(folder)
    model.config = dataclasses.replace(model.config, stage=2)
    model.save_pretrained(folder)
    monkeypatch.setattr("wavcube.codec.checkpoint.folder.PACKAGED", folder)
    stage = build_objective(read_recipe("stage2", None, [*small_settings, "init_from=packaged"]), None)
    assert isinstance(stage, Stage)
    assert stage.networks.model.teacher is not None
