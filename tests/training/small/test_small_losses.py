"""Stage 1 of a small model on Whisper: closed form, noise on the latent, pitch."""

from pathlib import Path

import pytest
import torch

from tests.codec.small import signal
from tests.codec.source_filter.test_decoder import small_model
from wavcube.data.streaming import Batch
from wavcube.errors import ConfigError
from wavcube.training.losses import EnvelopeLoss, VoicedLoss, pitch_loss
from wavcube.training.recipe import read_recipe
from wavcube.training.stages import Stage, noisy
from wavcube.training.tasks import build_objective

SETTINGS = [
    "model.encoder={mel_features: true, pitch_features: true}",
    "model.bottleneck={compressor: linear, layers: 1}",
    "model.decoder={architecture: source-filter, source_filter: {width: 32, layers: 1, feed_forward: 32,"
    " fine_width: 16, fine_layers: 1, fine_feed_forward: 16}}",
    "model.closed_form=5",
    "model.closed_form_seconds=20",
    "losses.pitch=1.5",
    "losses.latent_noise=0.3",
    "losses.stft_magnitude=1.0",
    "losses.envelope=3.0",
]


@pytest.fixture
def batch() -> Batch:
    waveform = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
    return Batch(waveform, torch.tensor([8000, 6000]), ["a", "b"])


@pytest.fixture
def stage(small_settings: list[str], tmp_path: Path) -> Stage:
    small_model().save_pretrained(tmp_path)
    return build_objective(read_recipe("stage1", None, [*small_settings, *SETTINGS, f"init_from='{tmp_path}'"]), None)


def test_the_decoder_learns_waveform_and_pitch_and_the_compressor_stays(stage: Stage, batch: Batch) -> None:
    assert stage.networks.model.encoder.config.feature_width == 108
    stage.networks.train()
    output = stage.networks(**stage.inputs(batch))
    total, logs = stage.loss(batch, output, None)
    total.backward()
    assert logs["pitch"] > 0
    moved = {name for name, p in stage.networks.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert {name.split(".")[1] for name in moved} == {"restorer", "decoder"}
    assert "model.decoder.pitch_correction.weight" in moved
    assert "model.decoder.head.weight" in moved


def test_noise_is_of_training_only_and_of_half_of_the_items(stage: Stage, batch: Batch) -> None:
    stage.networks.eval()
    inputs = stage.inputs(batch)
    assert torch.equal(stage.networks(**inputs)["audio"], stage.networks(**inputs)["audio"])
    latent = 5 * torch.randn(400, 20, 16, generator=torch.Generator().manual_seed(0))
    std = (noisy(latent, 0.3) - latent).std((1, 2))
    assert 0.4 < float((std == 0).float().mean()) < 0.6
    assert 5 * 0.25 < float(std.max()) < 5 * 0.35


def test_noise_follows_the_valid_frames_of_each_channel() -> None:
    latent = torch.randn(400, 20, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0])
    latent[:, 10:] = 1e6
    added = (noisy(latent, 0.3, torch.full((400,), 10)) - latent)[:, :10].std((0, 1))
    assert 8 < float(added[1] / added[0]) < 12
    assert float(added[1]) < 3


def test_pitch_loss_is_of_voiced_frames_that_count() -> None:
    target = torch.tensor([[[0.1, 0.9], [0.5, 0.1], [0.3, 1.0]]])
    right = torch.tensor([[[0.1, 20.0], [9.0, -20.0], [0.3, 20.0]]])
    assert float(pitch_loss(right, target)) == pytest.approx(0, abs=1e-6)
    wrong = right + torch.tensor([0.2, 0.0])
    assert float(pitch_loss(wrong, target)) == pytest.approx(0.2, abs=1e-6)
    wrong[:, 2, 0] = 5.0
    assert float(pitch_loss(wrong, target, torch.tensor([[True, True, False]]))) == pytest.approx(0.2, abs=1e-6)


def test_envelope_loss_is_zero_for_the_same_envelopes_at_any_level_and_grows_with_noise() -> None:
    loss = EnvelopeLoss()
    speech = torch.from_numpy(signal(16_000))[None]
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    assert float(loss(speech, speech)) == pytest.approx(0, abs=1e-5)
    assert float(loss(0.5 * speech, speech)) == pytest.approx(0, abs=1e-3)
    assert float(loss(speech + 0.02 * noise, speech)) < float(loss(speech + 0.2 * noise, speech))
    with_silence = torch.cat([speech, torch.zeros_like(speech)], dim=1)
    spoilt = torch.cat([speech, 1e-4 * noise], dim=1)
    assert float(loss(spoilt, with_silence)) < 0.1
    assert float(loss(speech[:, :4_000], speech[:, :4_000])) == 0  # shorter than a segment
    speech.requires_grad_()
    loss(speech, 0.1 * noise).backward()
    assert torch.isfinite(speech.grad).all()


def test_what_does_not_fit_is_refused(small_settings: list[str], tmp_path: Path) -> None:
    settings = ["model.encoder={family: whisper, normalize_waveform: false, mel_features: true}", SETTINGS[2]]
    with pytest.raises(ConfigError, match="source-filter"):
        build_objective(read_recipe("stage1", None, [*small_settings, *settings]), None)
    with pytest.raises(ConfigError, match="compressor=linear"):
        build_objective(read_recipe("stage1", None, [*small_settings, "model.closed_form=5"]), None)


def test_the_voiced_loss_is_of_items_in_the_recordings_phase(
    small_settings: list[str], tmp_path: Path, batch: Batch
) -> None:
    small_model().save_pretrained(tmp_path)
    settings = [*small_settings, *SETTINGS, f"init_from='{tmp_path}'", "losses.latent_noise=0", "losses.voiced=1"]
    stage = build_objective(read_recipe("stage1", None, [*settings, "losses.voiced_share=1"]), None)
    stage.networks.train()
    output = stage.networks(**stage.inputs(batch))
    total, logs = stage.loss(batch, output, None)
    total.backward()
    assert logs["voiced"] > 0
    assert output["in_phase"].all()
    assert not output["voiced"][1, 6000:].any()
    assert not output["audio"][1, 6000:].any()
    stage.networks.eval()
    with torch.no_grad():
        output = stage.networks(**stage.inputs(batch))
        values, lengths = output["latent"], output["latent_lengths"]
        decoded = stage.networks.model.decoder(values, lengths)
    assert "voiced" not in output
    torch.testing.assert_close(output["audio"][:, : decoded.shape[1]], decoded)


def test_the_voiced_loss_is_zero_for_equal_waveforms() -> None:
    loss, speech = VoicedLoss(), torch.from_numpy(signal(8_000))[None]
    assert float(loss(speech, speech)) < 0.01
    assert float(loss(1.1 * speech, speech)) < float(loss(-speech, speech))
