"""The source-filter decoder and what comes before it: a linear compressor, log-mel and pitch among the features."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.codec.small import encoder_config, moved, padded_batch, relative_error, signal
from wavcube.codec import BottleneckConfig, Chunking, DecoderConfig, WavCube, WavCubeConfig
from wavcube.codec.config import SourceFilterConfig
from wavcube.codec.source_filter.decoder import noise_from, pulse_train
from wavcube.codec.source_filter.pitch import REFERENCE, autocorrelation
from wavcube.errors import ConfigError

SOURCE_FILTER = WavCubeConfig(
    encoder=encoder_config("whisper", mel_features=True, pitch_features=True, pitch_width=16, pitch_layers=2),
    bottleneck=BottleneckConfig(latent_dim=16, layers=1, compressor="linear"),
    decoder=DecoderConfig(
        architecture="source-filter",
        source_filter=SourceFilterConfig(
            width=32, layers=2, feed_forward=48, fine_width=16, fine_layers=2, fine_feed_forward=24
        ),
    ),
    restorer=True,
)


def small_model() -> WavCube:
    torch.manual_seed(0)
    model = moved(WavCube(SOURCE_FILTER))
    with torch.no_grad():  # F0 between 100 and 250 Hz, about half of the frames voiced, filters of moderate gain
        model.decoder.pitch_correction.weight.mul_(0.2)
        model.decoder.head.weight.mul_(0.2)
    return model


def test_the_features_are_log_mel_pitch_and_layers() -> None:
    model = small_model()
    features = model.features(signal(9_000), 16_000).values
    assert features.shape == (1, 27, 2 * 20 + 4 + 64)
    mel = model.encoder.feature_extractor.log_mel(torch.from_numpy(signal(9_000))[None])
    assert torch.equal(features[..., :40], mel.unflatten(1, (27, 2)).flatten(2))
    layers = WavCube(dataclasses.replace(SOURCE_FILTER, encoder=encoder_config("whisper")))
    layers.encoder.load_state_dict(model.encoder.state_dict(), strict=False)
    torch.testing.assert_close(features[..., 44:], layers.features(signal(9_000), 16_000).values)


def test_the_compressor_is_one_linear_map() -> None:
    model = small_model()
    features, latents = model.features(signal(9_000), 16_000), model.encode(signal(9_000), 16_000)
    torch.testing.assert_close(latents.values, model.compressor.projection(features.values))
    assert model.restore(latents).values.shape == features.values.shape


def test_a_batch_equals_its_items() -> None:
    model, lengths = small_model(), [16_000, 9_321, 4_000]
    batch = padded_batch(lengths)
    latents = model.encode(batch, 16_000, lengths)
    waveform = model.decode(latents)
    for i, length in enumerate(lengths):
        alone = model.encode(batch[i, :length], 16_000)
        assert relative_error(latents.item(i).values, alone.values) <= 1e-5
        frames = int(alone.lengths[0])
        values = torch.randn(3, 49, 16, generator=torch.Generator().manual_seed(1))  # voiced and unvoiced frames
        counts = latents.lengths
        decoded = model.decoder(values, counts)[i]
        # Rounding of F0 adds up in the phase, and counts fifty times in the highest harmonics.
        assert relative_error(decoded[: 320 * frames], model.decoder(values[i : i + 1, :frames])[0]) <= 5e-4
        assert not decoded[320 * frames :].any()
    assert waveform.shape == (3, 16_000)


def test_chunks_equal_the_whole() -> None:
    model = small_model()
    latents = torch.randn(1, 450, 16, generator=torch.Generator().manual_seed(2))
    model.chunking = Chunking(above=None)
    whole = model.decode(latents)
    assert whole.shape == (1, 450 * 320)
    for chunk in (2.0, 3.1):
        model.chunking = Chunking(above=4, chunk=chunk, context=1)
        assert relative_error(model.decode(latents), whole) <= 1e-4


def test_the_same_latent_gives_the_same_waveform() -> None:
    model, latents = small_model(), torch.randn(1, 30, 16)
    assert torch.equal(model.decode(latents), model.decode(latents))
    assert torch.equal(noise_from(2**17 + 5, 10, torch.device("cpu")), noise_from(5, 10, torch.device("cpu")))


def test_it_is_saved_loaded_and_optimized(tmp_path) -> None:
    model = small_model()
    model.save_pretrained(tmp_path)
    loaded = WavCube.from_pretrained(tmp_path)
    recording = signal(16_000)
    latents = model.encode(recording, 16_000)
    assert loaded.identity == latents.model_id
    assert torch.equal(loaded.encode(recording, 16_000).values, latents.values)
    assert torch.equal(loaded.decode(latents), model.decode(latents))
    fast = loaded.optimize()
    assert relative_error(fast.encode(recording, 16_000).values, latents.values) <= 1e-5
    assert relative_error(fast.decode(latents), model.decode(latents)) <= 1e-3  # differences of F0 add up in the phase


def test_gradients_reach_latent_and_weights() -> None:
    model = small_model().train()
    latent = torch.randn(2, 20, 16, requires_grad=True)
    model.decoder(latent).square().mean().backward()
    assert latent.grad is not None
    assert latent.grad.abs().sum() > 0
    unreached = {name for name, weight in model.decoder.named_parameters() if weight.grad is None}
    # The position of a pulse has no useful gradient: pitch is learnt from the true one.
    assert unreached == {f"pitch{part}.{leaf}" for part in ("", "_correction") for leaf in ("weight", "bias")}


def test_pulses_have_the_wanted_rhythm_and_unit_power() -> None:
    pitch = torch.zeros(1, 100, 2)
    pitch[..., 0], pitch[..., 1] = np.log(200 / REFERENCE), 1.0
    pulses, phases = pulse_train(pitch)
    assert pulses.shape == (1, 16_000)
    assert float(phases[0, -1]) == pytest.approx(200, abs=1e-3)
    assert float(pulses.square().mean()) == pytest.approx(1, rel=0.05)
    spectrum = torch.fft.rfft(pulses[0]).abs()
    assert float(spectrum[200:8_000:200].min()) > 50 * float(spectrum[300:8_000:200].max())
    pitch[..., 1] = -1.0
    assert not pulse_train(pitch)[0].any()


def test_the_autocorrelation_of_a_tone_is_one_at_its_period() -> None:
    time = torch.arange(16_000) / 16_000
    tone = sum(torch.cos(2 * torch.pi * 137.0 * k * time + k) for k in range(1, 12))[None] * 0.05
    whole, low = autocorrelation(tone, 100)[0, 50].chunk(2)
    grid = torch.exp(torch.linspace(np.log(58), np.log(530), 160))
    step = (grid - 137).abs().argmin()
    assert float(whole[step]) > 0.95
    assert float(low[step]) > 0.95
    assert float(whole[step + 30]) < 0.5


def test_impossible_models_are_refused() -> None:
    with pytest.raises(ConfigError, match="50 Hz"):
        dataclasses.replace(SOURCE_FILTER, bottleneck=BottleneckConfig(frame_rate=25))
    with pytest.raises(ConfigError, match="400 samples"):
        encoder_config("wavlm", pitch_features=True, conv_kernels=(10, 3, 3, 3, 3, 2, 3))
    with pytest.raises(ConfigError, match="fine_width"):
        SourceFilterConfig(fine_width=0)
