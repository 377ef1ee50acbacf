"""The acoustic decoder, stage by stage, against definitions written out; its numbers as a whole are in test_golden."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.codec.small import TINY, moved, relative_error, signal
from wavcube.codec import AcousticDecoder, BottleneckConfig, DecoderConfig, WavCube, WavCubeConfig
from wavcube.codec.decoder import DecoderLayer, Upsampler, Vocoder, inverse_stft

LIMIT = 1e-5


def decoder(frame_rate: int = 50, **changes: object) -> AcousticDecoder:
    config = dataclasses.replace(TINY.decoder, **changes)  # type: ignore[arg-type]
    bottleneck = BottleneckConfig(latent_dim=16, frame_rate=frame_rate)  # type: ignore[arg-type]
    return moved(AcousticDecoder(bottleneck, config))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("frame_rate", "hop"), [(50, 320), (25, 640)])
def test_every_frame_gives_a_hop_of_samples(frame_rate: int, hop: int) -> None:
    for frames in (1, 2, 33):
        with torch.no_grad():
            assert decoder(frame_rate)(random(2, frames, 16)).shape == (2, hop * frames)


def test_a_layer_by_its_definition() -> None:
    layer = moved(DecoderLayer(12, 2, 20))
    hidden = random(2, 9, 12)

    def norm(values: Tensor, module: torch.nn.LayerNorm) -> Tensor:
        centred = values - values.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * module.weight + module.bias

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return (query @ key.transpose(-1, -2) / math.sqrt(6)).softmax(-1) @ value

    with torch.no_grad():
        assert layer.attention.key.bias is None
        assert layer.attention.query.bias is not None
        inside = norm(hidden, layer.attention_norm)
        query, key, value = (
            projection(inside).view(2, 9, 2, 6).transpose(1, 2)
            for projection in (layer.attention.query, layer.attention.key, layer.attention.value)
        )
        expected = hidden + layer.attention.output(attend(query, key, value).transpose(1, 2).reshape(2, 9, 12))
        inner, _, outer = layer.feed_forward
        wide = inner(norm(expected, layer.feed_forward_norm))
        expected = expected + outer(0.5 * wide * (1 + torch.erf(wide / math.sqrt(2))))
        got = layer(hidden, lambda values: values, attend)  # type: ignore[arg-type]
    assert relative_error(got, expected) <= LIMIT


def test_the_transformer_is_causal() -> None:
    part = decoder()
    hidden = random(1, 40, 64)
    changed = hidden.clone()
    changed[:, 25:] += random(1, 15, 64, seed=1)
    with torch.no_grad():
        before, after = part.transform(hidden), part.transform(changed)
    assert relative_error(after[:, :25], before[:, :25]) <= 1e-6
    assert relative_error(after[:, 25:], before[:, 25:]) > 0.1


@pytest.mark.parametrize(("kernel", "excess"), [(3, 1), (2, 0)])
def test_the_upsampler_by_its_definition(kernel: int, excess: int) -> None:
    """Transposed convolution, one group over channels and all frames made, then the cut to twice the frames."""
    part = moved(Upsampler(6, 8, kernel))
    hidden = random(2, 11, 6)
    weight = part.conv.weight  # [in, out, kernel]
    with torch.no_grad():
        made = part.conv.bias[None, None].expand(2, 2 * 11 + excess, 8).clone()
        for frame in range(11):
            for tap in range(kernel):
                made[:, 2 * frame + tap] += hidden[:, frame] @ weight[:, :, tap]
        centred = made - made.mean((1, 2), keepdim=True)
        normed = centred / (centred.square().mean((1, 2), keepdim=True) + 1e-5).sqrt()
        expected = (normed * part.norm.weight + part.norm.bias)[:, :22]
        assert relative_error(part(hidden), expected) <= LIMIT
        assert relative_error(part(hidden, torch.tensor([11, 11])), expected) <= LIMIT


def test_the_vocoder_sees_its_window_alone() -> None:
    """Three layers of 40 frames back and 10 ahead, and the overlap of the inverse STFT's windows."""
    part = moved(Vocoder(128, TINY.decoder.vocoder, 10_000.0))
    vocoder_input = random(1, 400, 128)
    changed = vocoder_input.clone()
    changed[:, 200] += random(1, 128, seed=1)
    with torch.no_grad():
        difference = (part(changed) - part(vocoder_input))[0].abs()
    touched = difference.view(400, 160).amax(1).nonzero().flatten()
    overlap = 2  # (640 - 160) / 2 = 240 samples on either side of a frame's own
    assert 200 - 3 * 10 - overlap <= int(touched.min()) < 200 - 2 * 10
    assert 200 + 2 * 40 < int(touched.max()) <= 200 + 3 * 40 + overlap


def spectrum_of(waveform: np.ndarray) -> Tensor:
    """One-sided spectrum [1, F, 321] of frames of 640 samples, 160 apart, that "same" padding undoes."""
    padded = np.pad(waveform, 240)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    frames = [padded[start : start + 640] * window for start in range(0, len(waveform), 160)]
    return torch.from_numpy(np.fft.rfft(np.stack(frames)))[None].to(torch.complex64)


def test_the_inverse_of_an_stft_is_the_signal() -> None:
    waveform = signal(160 * 50)
    assert relative_error(inverse_stft(spectrum_of(waveform), 160)[0], waveform) <= LIMIT


@pytest.mark.parametrize("frames", [1, 2, 3, 20])
def test_inverse_stft_by_its_definition(frames: int) -> None:
    """On spectra that are no signal's: overlap-add of windowed frames over the squared window's sum, ends cut."""
    spectrum = torch.complex(random(2, frames, 321), random(2, frames, 321, seed=1))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    total, envelope = np.zeros((2, 160 * (frames - 1) + 640)), np.zeros(160 * (frames - 1) + 640)
    for frame in range(frames):
        place = slice(160 * frame, 160 * frame + 640)
        total[:, place] += np.fft.irfft(spectrum[:, frame].numpy(), 640) * window
        envelope[place] += window**2
    expected = (total / np.maximum(envelope, 1e-30))[:, 240:-240]
    assert expected.shape == (2, 160 * frames)
    assert relative_error(inverse_stft(spectrum, 160), expected) <= LIMIT


def test_inverse_stft_with_a_mask_is_that_of_the_real_frames() -> None:
    spectrum = torch.complex(random(2, 20, 321), random(2, 20, 321, seed=1))
    mask = torch.arange(20) < torch.tensor([20, 7])[:, None]
    got = inverse_stft(spectrum, 160, mask)
    assert relative_error(got[1, : 7 * 160], inverse_stft(spectrum[1:, :7], 160)[0]) <= LIMIT
    assert not got[1, 7 * 160 :].any()


def test_magnitudes_are_clipped_and_phases_taken_as_they_are() -> None:
    part = moved(Vocoder(128, TINY.decoder.vocoder, 10_000.0))
    with torch.no_grad():
        part.head.weight.zero_()
        part.head.bias[:321] = 50.0  # exp(50): far beyond the clip
        part.head.bias[321:] = torch.linspace(-20, 20, 321)
        got = part(random(1, 12, 128))
    spectrum = torch.polar(torch.full((1, 12, 321), 100.0), torch.linspace(-20, 20, 321).expand(1, 12, 321))
    assert relative_error(got, inverse_stft(spectrum, 160)) <= LIMIT


def test_a_wild_magnitude_has_a_finite_gradient() -> None:
    part = moved(Vocoder(128, TINY.decoder.vocoder, 10_000.0)).train()
    with torch.no_grad():
        part.head.bias[3] = 200.0  # its exponential is infinite
    part(random(1, 12, 128)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in part.parameters())


def test_gradients_reach_every_parameter_and_are_finite_in_a_padded_batch() -> None:
    for frame_rate in (50, 25):
        part = decoder(frame_rate).train()
        part(random(2, 12, 16), torch.tensor([12, 3])).square().mean().backward()
        for name, parameter in part.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_the_same_speech_roughly(dtype: torch.dtype) -> None:
    part, latent = decoder(), random(2, 30, 16)
    with torch.no_grad():
        expected = part(latent, torch.tensor([30, 11]))
        got = part.to(dtype)(latent.to(dtype), torch.tensor([30, 11]))
    assert got.dtype == torch.float32
    assert relative_error(got, expected) < (0.2 if dtype == torch.bfloat16 else 0.02)


def test_the_full_size_has_the_papers_number_of_parameters() -> None:
    with torch.device("meta"):
        part = AcousticDecoder(BottleneckConfig(), DecoderConfig())
        model = WavCube(WavCubeConfig())
    assert sum(parameter.numel() for parameter in part.parameters()) / 1e6 == pytest.approx(315.6, abs=0.1)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(669.7, abs=0.5)
