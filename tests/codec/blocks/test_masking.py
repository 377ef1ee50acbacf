"""Lengths: how many frames and samples come out, and that an item of a padded batch gets what it gets alone."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.codec.small import ENCODERS, encoder_config, padded_batch, relative_error, signal, small_model
from wavcube.codec import WavCube
from wavcube.codec.blocks.masking import conv_frames, length_mask, zero_beyond
from wavcube.codec.encoder import ConvFeatureEncoder, normalize_waveform
from wavcube.errors import AudioError
from wavcube.latents import Latents

LIMIT = 1e-5
"""Relative L2 between an item in a batch and alone; what is promised is 1e-4."""

BOTTLENECKS = [
    {"kind": kind, "frame_rate": frame_rate} for kind in ("ae", "vae", "sigma-vae") for frame_rate in (50, 25)
]

model_of = functools.cache(small_model)


def alone(model: WavCube, batch: Tensor, lengths: list[int]) -> list[Latents]:
    return [model.encode(item[:length], 16_000) for item, length in zip(batch, lengths, strict=True)]


def assert_items_are_as_alone(model: WavCube, lengths: list[int], seed: int = 0) -> None:
    """Through the whole model: latents, restored features and waveforms of a batch whose padding is loud noise."""
    batch = padded_batch(lengths, seed)
    together = model.encode(batch, 16_000, lengths)
    assert together.lengths.tolist() == [model.expected_frames(length) for length in lengths]
    singles = alone(model, batch, lengths)
    for item, single in zip(together, singles, strict=True):
        assert relative_error(item.values, single.values) <= LIMIT
    # What stands in the padding of latents must not matter either.
    together.values[~together.mask] = torch.randn_like(together.values[~together.mask])
    restored, waveforms = model.restore(together), model.decode(together)
    assert waveforms.shape == (len(lengths), max(lengths))
    for i, (single, length) in enumerate(zip(singles, lengths, strict=True)):
        assert relative_error(restored.item(i).values, model.restore(single).values) <= LIMIT
        assert relative_error(waveforms[i, :length], model.decode(single)[0]) <= LIMIT
        assert not waveforms[i, length:].any()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_in_a_batch(encoder: str) -> None:
    assert_items_are_as_alone(model_of(encoder), [9_321, 400, 16_000, 719, 15_999, 12_345])


@pytest.mark.parametrize("bottleneck", BOTTLENECKS, ids=lambda b: f"{b['kind']}-{b['frame_rate']}")
@pytest.mark.parametrize("encoder", ["wavlm", "hubert-base"])
def test_every_bottleneck_in_a_batch(encoder: str, bottleneck: dict[str, object]) -> None:
    model = model_of(encoder, **bottleneck)
    assert_items_are_as_alone(model, [400, 8_000, 16_000, 720, 15_321], seed=1)


@settings(deadline=None, max_examples=20)
@given(
    lengths=st.lists(st.integers(400, 12_000), min_size=1, max_size=5),
    encoder=st.sampled_from(["wavlm", "wavlm-base", "data2vec-audio"]),
    frame_rate=st.sampled_from([50, 25]),
    seed=st.integers(0, 10_000),
)
def test_random_lengths_in_a_batch(lengths: list[int], encoder: str, frame_rate: int, seed: int) -> None:
    assert_items_are_as_alone(model_of(encoder, frame_rate=frame_rate), lengths, seed)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_parts_themselves_ignore_padding(encoder: str) -> None:
    """As training calls them: padding is noise, no other code cleans it up first."""
    model, lengths = model_of(encoder), [7_000, 400, 11_111]
    batch = padded_batch(lengths, seed=3)
    with torch.no_grad():
        features, frames = model.encoder(batch, torch.tensor(lengths))
        latent = model.compressor(features, frames).latent
        waveform = model.decoder(latent, frames)
        for i, length in enumerate(lengths):
            single, count = model.encoder(batch[i : i + 1, :length])
            assert frames[i] == count
            assert relative_error(features[i : i + 1, :count], single) <= LIMIT
            single = model.compressor(single).latent
            assert relative_error(latent[i : i + 1, :count], single) <= LIMIT
            assert relative_error(waveform[i : i + 1, : 320 * count], model.decoder(single)) <= LIMIT
            assert not waveform[i, 320 * count :].any()


def test_order_does_not_matter() -> None:
    model, lengths = model_of("wavlm-base"), [5_000, 400, 9_999, 1_234, 7_777]
    clips = [signal(length, seed=length) for length in lengths]
    order = [3, 0, 4, 2, 1]
    straight, shuffled = model.encode(clips, 16_000), model.encode([clips[i] for i in order], 16_000)
    for place, i in enumerate(order):
        assert relative_error(shuffled.item(place).values, straight.item(i).values) <= LIMIT
    for place, waveform in enumerate(model.reconstruct([clips[i] for i in order], 16_000)):
        assert len(waveform) == lengths[order[place]]


def test_a_quiet_item_beside_a_loud_one() -> None:
    """One mean and variance over a batch, as in the reference, would show here."""
    model = model_of("wavlm")
    clips = [signal(8_000, seed=0, level=0.5), signal(8_000, seed=1, level=0.001)]
    together = model.encode(clips, 16_000)
    for item, clip in zip(together, clips, strict=True):
        assert relative_error(item.values, model.encode(clip, 16_000).values) <= LIMIT


def test_a_batch_of_half_silence() -> None:
    model = model_of("wavlm")
    clips = [np.zeros(4_000, np.float32), signal(8_000)]
    together = model.encode(clips, 16_000)
    assert together.values.isfinite().all()
    assert relative_error(together.item(1).values, model.encode(clips[1], 16_000).values) <= LIMIT


@settings(deadline=None, max_examples=40)
@given(
    samples=st.one_of(st.integers(1, 10_000), st.integers(380, 420)),
    encoder=st.sampled_from(["wavlm", "wavlm-base"]),
    rate=st.sampled_from([50, 25]),
)
def test_any_length_gives_its_own_length_or_a_clear_error(samples: int, encoder: str, rate: int) -> None:
    model, waveform = model_of(encoder, frame_rate=rate), signal(samples)
    if samples < 400:
        with pytest.raises(AudioError, match=rf"has {samples} samples at 16000 Hz; the model needs at least 400"):
            model.reconstruct(waveform, 16_000)
        return
    reconstructed = model.reconstruct(waveform, 16_000)
    assert reconstructed.shape == (1, samples)
    assert reconstructed.isfinite().all()


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 719, 720, 721, 16_000])
def test_lengths_at_the_edges(samples: int) -> None:
    model = model_of("wavlm")
    if samples < 400:
        assert model.expected_frames(samples) == 0
        with pytest.raises(AudioError, match="at least 400"):
            model.encode(signal(samples), 16_000)
        return
    latents = model.encode(signal(samples), 16_000)
    assert latents.values.shape == (1, (samples - 400) // 320 + 1, 16)
    assert model.decode(latents).shape == (1, samples)


def test_expected_frames_are_the_frames_that_come() -> None:
    """For every length from 400 to 5000: longer never gives fewer, so both sides of every step are enough."""
    model, half = model_of("wavlm"), model_of("wavlm", frame_rate=25)
    feature_encoder = ConvFeatureEncoder(encoder_config("wavlm", conv_channels=(1,) * 7)).requires_grad_(False)
    expected = {samples: model.expected_frames(samples) for samples in range(400, 5_001)}
    steps = [samples for samples in range(401, 5_001) if expected[samples] != expected[samples - 1]]
    assert steps == list(range(720, 5_001, 320))
    for samples in [400, 5_000, *steps, *(step - 1 for step in steps)]:
        assert feature_encoder(torch.zeros(1, samples)).shape[1] == expected[samples]
    assert all(half.expected_frames(samples) == (frames + 1) // 2 for samples, frames in expected.items())


def test_conv_frames_are_never_negative() -> None:
    samples = torch.arange(2_000)
    frames = conv_frames(samples, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
    assert torch.equal(frames, ((samples - 400) // 320 + 1).clamp_min(0))


def test_masks() -> None:
    assert length_mask(None, 4) is None
    assert length_mask(torch.tensor([4, 4]), 4) is None
    mask = length_mask(torch.tensor([1, 4]), 4)
    assert mask is not None
    assert mask.tolist() == [[True, False, False, False], [True] * 4]
    values = torch.full((2, 4, 3), float("nan"))
    assert zero_beyond(values, mask)[0, 1:].eq(0).all()
    assert zero_beyond(values, None) is values


def test_normalisation_is_over_an_items_own_samples() -> None:
    lengths = [5_000, 400, 12_000]
    batch = padded_batch(lengths)
    normalized = normalize_waveform(batch, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        assert relative_error(normalized[i : i + 1, :length], normalize_waveform(batch[i : i + 1, :length])) <= 1e-6
        assert not normalized[i, length:].any()
