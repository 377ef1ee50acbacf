"""Long audio in chunks: what is exact is exact, what is not gets better with context, and no join can be found."""

import functools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.codec.small import ENCODERS, relative_error, signal, small_model
from wavcube import WavCube
from wavcube.codec import Chunking
from wavcube.codec.blocks.attention import SelfAttention
from wavcube.codec.chunking import FADE_FRAMES, _even, _windows
from wavcube.codec.decoder import DecoderAttention
from wavcube.codec.encoder import RelativeKeyAttention
from wavcube.errors import ConfigError, LatentsError

WHOLE = Chunking(above=None)

model_of = functools.cache(small_model)


@functools.cache
def without_attention(encoder: str, frame_rate: int = 50) -> WavCube:
    """A model whose frames see only their neighbours (the vocoder keeps its window): chunking must be exact for it."""
    model = small_model(encoder, frame_rate=frame_rate)
    with torch.no_grad():
        for part in (model.encoder, model.compressor, model.decoder.layers):
            for module in part.modules():
                if isinstance(module, SelfAttention):
                    silence(module.out_proj)
                elif isinstance(module, RelativeKeyAttention):
                    silence(module.linear_out)
                elif isinstance(module, DecoderAttention):
                    silence(module.output)
    return model


def silence(layer: nn.Linear) -> None:
    layer.weight.zero_()
    layer.bias.zero_()


def encode(model: WavCube, waveform: Any, chunking: Chunking) -> Tensor:
    model.chunking = chunking
    return model.encode(waveform, 16_000).values


def decode(model: WavCube, latent: Tensor, chunking: Chunking) -> Tensor:
    model.chunking = chunking
    return model.decode(latent)


def moving_latent(frames: int, seed: int = 0) -> Tensor:
    """[1, T, 16], neighbours alike, as in speech."""
    noise = torch.randn(1, 16, frames + 8, generator=torch.Generator().manual_seed(seed))
    return nn.functional.avg_pool1d(noise, 9, 1).transpose(1, 2) * 3


# The cutting


@settings(deadline=None, max_examples=200)
@given(
    total=st.integers(1, 3_000),
    chunk=st.floats(1.0, 20.0),
    context=st.floats(0.2, 10.0),
    decoding=st.booleans(),
)
def test_windows_cover_everything_once(total: int, chunk: float, context: float, decoding: bool) -> None:
    core, around = _even(chunk), _even(context)
    before, after = (2 * around, 0) if decoding else (around, around)
    windows = list(_windows(total, core, before, after))
    summed, at_25_hz = torch.zeros(total), torch.zeros((total + 1) // 2)
    for window in windows:
        assert 0 <= window.start < window.end <= total
        assert window.start % 2 == 0
        assert window.end - window.start <= before + core + max(after, core + after)
        weights = window.weights()
        summed[window.start : window.end] += weights
        at_25_hz[window.start // 2 :][: len(weights[::2])] += weights[::2]
        # What counts has its context on both sides, or the recording's end.
        counts = weights.nonzero().flatten() + window.start
        assert window.start == 0 or int(counts.min()) - window.start >= before - FADE_FRAMES
        assert window.end == total or window.end - 1 - int(counts.max()) >= after
    assert torch.allclose(summed, torch.ones(total))
    assert torch.allclose(at_25_hz, torch.ones(len(at_25_hz)))


def test_a_fade_is_gradual() -> None:
    first, second, *_ = _windows(500, 100, 20, 20)
    fade = first.weights()[100 - FADE_FRAMES : 100]
    assert torch.allclose(fade, torch.linspace(0.95, 0.05, FADE_FRAMES))
    assert torch.allclose(second.weights()[20 - FADE_FRAMES : 20], fade.flip(0))


@pytest.mark.parametrize("settings_", [{"chunk": 0.5}, {"context": 0.1}, {"above": 0.0}, {"above": -1.0}])
def test_impossible_settings_are_refused(settings_: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="chunking"):
        Chunking(**settings_)


def test_long_is_what_is_above_the_limit() -> None:
    assert not Chunking().applies(60.0)
    assert Chunking().applies(60.1)
    assert not Chunking(above=None).applies(1e6)


# What is exact


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if "whisper" not in name])  # whose positions begin anew
@pytest.mark.parametrize("frame_rate", [50, 25])
def test_statistics_are_those_of_the_whole_recording(encoder: str, frame_rate: int) -> None:
    """Level and offset change on the way, so that statistics of a chunk would be others."""
    model = without_attention(encoder, frame_rate)
    waveform = signal(16_000 * 9) + 0.05
    waveform[: 16_000 * 4] *= 0.1
    chunked = encode(model, waveform, Chunking(above=2, chunk=2, context=2))
    assert relative_error(chunked, encode(model, waveform, WHOLE)) <= 1e-5


@pytest.mark.parametrize("frame_rate", [50, 25])
@pytest.mark.parametrize("frames", [301, 550])
def test_the_vocoder_and_the_upsamplers_are_exact(frame_rate: int, frames: int) -> None:
    """Group norms over the recording, the vocoder's window, the inverse STFT: all but the causal attention."""
    model = without_attention("wavlm", frame_rate)
    latent = moving_latent(frames) * torch.linspace(0.2, 2, frames)[None, :, None]
    chunked = decode(model, latent, Chunking(above=1, chunk=1, context=0.2))
    assert relative_error(chunked, decode(model, latent, WHOLE)) <= 1e-5


@pytest.mark.parametrize("frame_rate", [50, 25])
def test_one_chunk_is_the_whole(frame_rate: int) -> None:
    model, waveform = model_of("wavlm-base", frame_rate=frame_rate), signal(16_000 * 5)
    single = Chunking(above=1, chunk=10, context=1)
    latent = encode(model, waveform, single)
    assert relative_error(latent, encode(model, waveform, WHOLE)) <= 1e-5
    assert relative_error(decode(model, latent, single), decode(model, latent, WHOLE)) <= 1e-5


# What is not


@pytest.mark.parametrize("frame_rate", [50, 25])
def test_the_difference_falls_with_context_below_its_bound(frame_rate: int) -> None:
    """Random weights attend to everything alike, the worst case; docs/architecture.md has the table."""
    model, waveform = model_of("wavlm", frame_rate=frame_rate), signal(16_000 * 12)
    latent = encode(model, waveform, WHOLE)
    speech = decode(model, latent, WHOLE)
    contexts, bounds = (0.2, 1.0, 4.0), (0.3, 0.2, 0.1)
    chunkings = [Chunking(above=2, chunk=2, context=context) for context in contexts]
    encoded = [relative_error(encode(model, waveform, chunking), latent) for chunking in chunkings]
    decoded = [relative_error(decode(model, latent, chunking), speech) for chunking in chunkings]
    for errors in (encoded, decoded):
        assert errors == sorted(errors, reverse=True), errors
        assert all(error < bound for error, bound in zip(errors, bounds, strict=True)), errors


def steps(values: Tensor) -> Tensor:
    """Size of the step from each frame [T, C] to the next."""
    return values.diff(dim=0).norm(dim=1)


def test_no_join_can_be_found_in_latents() -> None:
    """Where chunks meet, the difference from the whole changes no faster than within chunks."""
    model, waveform = model_of("wavlm"), signal(16_000 * 20)
    chunked = encode(model, waveform, Chunking(above=2, chunk=2, context=1))[0]
    difference = steps(chunked - encode(model, waveform, WHOLE)[0])
    borders = torch.arange(100, len(chunked) - 100, 100)
    near = torch.cat([borders + offset for offset in range(-FADE_FRAMES - 1, 2)])
    elsewhere = torch.ones(len(difference), dtype=torch.bool)
    elsewhere[near] = False
    assert difference[near].max() <= 2 * difference[elsewhere].max()
    assert difference[near].max() <= 0.5 * steps(chunked).median()


def test_no_join_shows() -> None:
    """A click is a jump from one sample to the next; at the borders there is none larger than elsewhere."""
    model, latent = model_of("wavlm"), moving_latent(1_000)
    chunked = decode(model, latent, Chunking(above=2, chunk=2, context=0.2))[0]
    whole = decode(model, latent, WHOLE)[0]
    jumps, difference = chunked.diff(n=2).abs(), (chunked - whole).diff(n=2).abs()
    borders = torch.arange(2 * 16_000, len(chunked) - 1_000, 2 * 16_000)
    near = torch.cat([borders + offset for offset in range(-160, 160)])
    assert jumps[near].square().mean() <= 2 * jumps.square().mean()
    assert difference[near].square().mean() <= 2 * difference.square().mean()


# Through the model


@settings(deadline=None, max_examples=15)
@given(samples=st.integers(16_001, 70_000), frame_rate=st.sampled_from([50, 25]), seed=st.integers(0, 100))
def test_lengths_are_those_of_the_whole(samples: int, frame_rate: int, seed: int) -> None:
    model = model_of("wavlm", frame_rate=frame_rate)
    model.chunking = Chunking(above=1, chunk=1, context=0.2)
    latents = model.encode(signal(samples, seed), 16_000)
    assert latents.lengths.tolist() == [model.expected_frames(samples)]
    assert latents.values.isfinite().all()
    assert model.decode(latents).shape == (1, samples)
    assert model.decode(latents).isfinite().all()
    assert model.features(signal(samples, seed), 16_000).values.shape == (1, (samples - 400) // 320 + 1, 64)


def test_long_and_short_in_one_batch() -> None:
    model = model_of("wavlm")
    model.chunking = Chunking(above=2, chunk=2, context=1)
    clips = [signal(5_000), signal(80_000, seed=1), signal(400, seed=2), signal(50_000, seed=3), signal(32_000, seed=4)]
    together = model.encode(clips, 16_000)
    decoded = model.decode(together)
    for i, clip in enumerate(clips):
        alone = model.encode(clip, 16_000)
        assert relative_error(together.item(i).values, alone.values) <= 1e-5
        assert relative_error(decoded[i : i + 1, : len(clip)], model.decode(alone)) <= 1e-5
        assert not decoded[i, len(clip) :].any()
    assert [len(waveform) for waveform in model.reconstruct(clips, 16_000)] == [len(clip) for clip in clips]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_goes_through_in_chunks(encoder: str) -> None:
    """Lengths are those of the whole, and what lies beside a long recording in a batch has no influence on it."""
    model = small_model(encoder)
    model.chunking = Chunking(above=2, chunk=2, context=0.5)
    long, short = signal(16_000 * 5 + 321), signal(9_000, seed=1)
    together = model.encode([short, long], 16_000)
    assert together.lengths.tolist() == [model.expected_frames(len(short)), model.expected_frames(len(long))]
    for i, clip in enumerate((short, long)):
        assert relative_error(together.item(i).values, model.encode(clip, 16_000).values) <= 1e-5
    assert model.decode(together).isfinite().all()


@pytest.mark.parametrize("encoder", ["whisper", "whisper-layers"])
def test_a_whisper_s_chunk_is_a_recording_of_its_own(encoder: str) -> None:
    """Its positions begin anew, so the middle of the last chunk is what the model gives for that part alone."""
    model, waveform = small_model(encoder), signal(16_000 * 6)
    total = model.config.encoder.frames(len(waveform))
    chunked = encode(model, waveform, Chunking(above=2, chunk=2, context=1))[0]
    last = list(_windows(total, 100, 50, 50))[-1]
    alone = encode(model, waveform[320 * last.start :], WHOLE)[0]
    frames = total - last.start
    assert relative_error(chunked[-frames // 3 :], alone[-frames // 3 :]) <= 1e-5


@pytest.mark.parametrize("architecture", ["acoustic", "source-filter"])
def test_pieces_one_behind_the_other_are_what_is_decoded(architecture: str) -> None:
    model = model_of("wavlm") if architecture == "acoustic" else WavCube.from_pretrained()
    latent = model.encode(signal(16_000 * 5 + 321), 16_000).values[0]
    for chunking, count in ((WHOLE, 1), (Chunking(above=2, chunk=2, context=0.5), 3)):
        model.chunking = chunking
        pieces = []
        for piece in model.decode_pieces(latent):
            assert torch.is_grad_enabled()  # the caller's state, while a piece is in its hands
            pieces.append(piece)
        assert len(pieces) == count
        assert torch.equal(torch.cat(pieces), model.decode(latent)[0])
    with pytest.raises(LatentsError, match="wide"):
        next(model.decode_pieces(latent[:, :3]))


def test_half_precision_in_chunks() -> None:
    model = small_model("wavlm-base").bfloat16()
    model.chunking = Chunking(above=2, chunk=2, context=1)
    latents = model.encode(signal(100_000), 16_000)
    assert latents.values.dtype == torch.bfloat16
    assert model.decode(latents).isfinite().all()
