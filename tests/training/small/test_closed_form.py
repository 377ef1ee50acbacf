"""The closed-form start of a linear compressor."""

import dataclasses
import math

import pytest
import torch

from tests.codec.small import signal
from tests.codec.source_filter.test_decoder import SOURCE_FILTER, small_model
from wavcube.codec import WavCube
from wavcube.errors import ConfigError
from wavcube.training.small.closed_form import closed_form_init, even_rotation

RECORDINGS = [signal(16_000, seed=seed) for seed in range(6)]


def test_all_channels_are_standardised_and_pitch_keeps_its_own() -> None:
    model = small_model()
    shares = closed_form_init(model, RECORDINGS, mel_weight=5.0)
    latents = torch.cat([model.encode(recording, 16_000).values[0] for recording in RECORDINGS])
    features = torch.cat([model.features(recording, 16_000).values[0] for recording in RECORDINGS])
    torch.testing.assert_close(latents.mean(0), torch.zeros(16), atol=0.3, rtol=0)  # silence counts less
    torch.testing.assert_close(latents.std(0)[:12], torch.ones(12), atol=0.3, rtol=0)
    for k in range(4):
        correlation = torch.corrcoef(torch.stack([latents[:, 12 + k], features[:, 40 + k]]))[0, 1]
        assert float(correlation) == pytest.approx(1, abs=1e-3)
    assert 0.3 < shares["mel"] <= 1


def test_more_weight_restores_more_of_the_log_mel() -> None:
    low, high = (closed_form_init(small_model(), RECORDINGS, mel_weight=weight) for weight in (0.1, 30.0))
    assert high["mel"] > low["mel"]
    assert high["layer"] < low["layer"]


def test_the_rotation_is_one_and_evens_out() -> None:
    variance = torch.logspace(0, -4, 24, dtype=torch.float64)
    rotation = even_rotation(variance)
    torch.testing.assert_close(rotation.T @ rotation, torch.eye(24, dtype=torch.float64))
    after = variance @ rotation.square()
    assert float(after.max() / after.min()) <= 1.02


def test_the_decoder_begins_with_the_pitch_of_the_features() -> None:
    model = WavCube(SOURCE_FILTER)
    closed_form_init(model, RECORDINGS, mel_weight=5.0)
    with torch.no_grad():
        model.decoder.pitch_correction.weight.zero_()
        features, _ = model.encoder(torch.from_numpy(RECORDINGS[0])[None])
        pitch, _ = model.decoder.controls(model.compressor(features).latent)
    true = features[..., 40:44].unflatten(2, (2, 2)).flatten(1, 2)
    torch.testing.assert_close(pitch[..., 0], true[..., 0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(pitch[..., 1], 10 * (true[..., 1] - 0.5), rtol=1e-3, atol=1e-2)


def of_width(latent_dim: int, **encoder: bool) -> WavCube:
    bottleneck = dataclasses.replace(SOURCE_FILTER.bottleneck, latent_dim=latent_dim)
    features = dataclasses.replace(SOURCE_FILTER.encoder, **encoder)
    return WavCube(dataclasses.replace(SOURCE_FILTER, encoder=features, bottleneck=bottleneck))


def test_with_as_many_channels_as_a_part_has_the_latent_is_that_part() -> None:
    layer, mel = of_width(68, mel_features=False), of_width(44)
    assert closed_form_init(layer, RECORDINGS, 1.0) == {"layer": pytest.approx(1, abs=1e-3)}
    assert closed_form_init(mel, RECORDINGS, math.inf) == {"mel": pytest.approx(1, abs=1e-3)}
    assert not mel.compressor.projection[0].weight[:, 44:].any()


def test_more_channels_than_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="lower latent_dim"):
        closed_form_init(of_width(45), RECORDINGS[:1], math.inf)


def test_other_models_are_refused() -> None:
    bottleneck = dataclasses.replace(SOURCE_FILTER.bottleneck, compressor="transformer")
    with pytest.raises(ConfigError, match="linear"):
        closed_form_init(WavCube(dataclasses.replace(SOURCE_FILTER, bottleneck=bottleneck)), RECORDINGS, 1.0)
