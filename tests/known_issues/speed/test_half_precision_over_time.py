"""Sums over time overflowed in float16: batches of unequal length came out as noise and NaN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command
from wavcube import Latents, WavCube, WavCubeConfig
from wavcube.errors import WavCubeError

HALF = {torch.float16: 0.01, torch.bfloat16: 0.08}
"""Bounds on the relative L2 difference from float32."""

HALF_SPECTRUM = {torch.float16: 0.15, torch.bfloat16: 0.25}
"""The same for compressed magnitude spectra."""


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    return float((value.detach().float() - expected.float()).norm() / expected.float().norm())


def tiny(**settings: dict[str, object]) -> WavCube:
    """A model with random weights, `settings` by the part that they are of."""
    values = WavCubeConfig.preset("tiny").to_dict()
    for part, changed in settings.items():
        values[part].update(changed)
    torch.manual_seed(0)
    return WavCube(WavCubeConfig.from_dict(values))


def spectrum(waveform: torch.Tensor) -> torch.Tensor:
    window = torch.hann_window(1024)
    return torch.stft(waveform.detach().float(), 1024, 256, window=window, return_complex=True).abs() ** 0.3


@pytest.mark.long
@pytest.mark.parametrize("dtype", HALF)
def test_a_batch_of_unequal_lengths(packaged: WavCube, speech: np.ndarray, dtype: torch.dtype) -> None:
    half = WavCube.from_pretrained(dtype=dtype)
    clips = [speech[:16_000], speech[:80_000], speech[:5_000]]
    expected = packaged.decode(packaged.encode(clips, 16_000))
    latents = half.encode(clips, 16_000)
    batch = half.decode(latents)
    for index in range(len(clips)):
        alone = half.decode(latents[index])[0]
        assert relative_error(batch[index][: len(alone)], alone) < HALF[dtype]
        # The packaged decoder makes its own phase, which goes on from F0: a rounded F0 shifts all periods after it.
        assert relative_error(spectrum(batch[index]), spectrum(expected[index])) < HALF_SPECTRUM[dtype]


@pytest.mark.long
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": {"conv_norm": "group", "pre_norm": False}},
        {"bottleneck": {"frame_rate": 25}},
    ],
    ids=["group norm over time", "25 Hz"],
)
def test_other_kinds_of_models(speech: np.ndarray, settings: dict, dtype: torch.dtype) -> None:
    """25 s are 80,000 frames of the first convolution: more than float16 counts to."""
    model = tiny(**settings)
    clips = [speech[: 25 * 16_000], speech[:16_000]]
    features, latents = model.features(clips, 16_000), model.encode(clips, 16_000)
    expected = model.decode(latents)
    half = model.to(dtype)
    assert relative_error(half.features(clips, 16_000).values, features.values) < HALF[dtype]
    assert relative_error(half.encode(clips, 16_000).values, latents.values) < 2 * HALF[dtype]
    for wave, target in zip(half.decode(latents), expected, strict=True):
        assert relative_error(wave, target) < 4 * HALF[dtype]


@pytest.mark.parametrize("dtype", HALF)
def test_values_whose_squares_leave_the_range(dtype: torch.dtype) -> None:
    """Large values behind a convolution, over the whole recording, in a batch and in chunks."""
    model = tiny(encoder={"conv_norm": "group", "pre_norm": False}, bottleneck={"frame_rate": 25})
    with torch.no_grad():
        model.encoder.feature_extractor.conv_layers[0].conv.weight *= 2_000
        model.decoder.upsampler.conv.weight *= 2_000
        model.decoder.latent_upsampler.conv.weight *= 2_000
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000).astype(np.float32)
    clips = [noise, noise[:16_000]]
    expected_latents = model.encode(clips, 16_000)
    expected = model.decode(expected_latents)
    half = model.to(dtype)
    half.chunking = replace(half.chunking, above=3.0, chunk=2.0, context=1.0)
    for chunking in (half.chunking, replace(half.chunking, above=None)):
        half.chunking = chunking
        latents = half.encode(clips, 16_000)
        waveforms = half.decode(expected_latents)
        for index in range(2):
            # What chunks see is not the whole recording: close in float32 as well, not equal.
            assert relative_error(latents[index].values, expected_latents[index].values) < 0.3
            assert relative_error(waveforms[index], expected[index]) < 0.3


def test_the_text_embedding_of_speech_synthesis() -> None:
    from wavcube.generation.tts.text_embedding import ResponseNorm

    norm = ResponseNorm(4)
    torch.nn.init.ones_(norm.scale)
    values = 100 * torch.randn(2, 300, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(300) < torch.tensor([[300], [200]])
    assert relative_error(norm.half()(values.half(), mask), norm.float()(values, mask).detach()) < 0.01


def test_what_does_not_fit_float16_is_an_error_and_no_sound(
    wavcube: Command, model: Path, corpus: Path, tmp_path: Path
) -> None:
    loaded = WavCube.from_pretrained(model)
    with torch.no_grad():
        loaded.decoder.vocoder.input.weight *= 1e5
    loaded.save_pretrained(tmp_path / "loud")
    loaded.encode(corpus / "a.flac").save(tmp_path / "a.safetensors")
    outcome = wavcube(
        "decode", tmp_path / "a.safetensors", "-o", tmp_path / "d", "-m", tmp_path / "loud", "--dtype", "float16"
    )
    assert outcome.code == 1
    assert "NaN or infinite values; use float32 or bfloat16" in outcome.err
    assert not list((tmp_path / "d").glob("*"))
    half = WavCube.from_pretrained(tmp_path / "loud", dtype=torch.float16)
    with pytest.raises(WavCubeError, match="item 0 and 1 more: decoding in"):
        half.decode(Latents(torch.stack([torch.zeros(3, 16), torch.ones(3, 16)]), torch.tensor([3, 3]), 50.0))
