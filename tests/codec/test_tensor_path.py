"""The tensor path: gradients from latents to the waveform and back, and the same bits as `encode` and `decode`."""

import copy
import gc
import resource

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.codec.small import ENCODERS, padded_batch, signal, small_model
from wavcube import WavCube
from wavcube.errors import AudioError, LatentsError, WavCubeError

LENGTHS = [8_000, 3_333, 5_000, 400]


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


def batch(lengths: list[int] = LENGTHS) -> tuple[Tensor, Tensor]:
    """A padded batch with noise beyond the ends, and its lengths."""
    return padded_batch(lengths), torch.tensor(lengths)


# Equal to the front doors


@pytest.mark.parametrize("encoder", ENCODERS)
def test_latents_are_those_of_encode_to_the_bit(encoder: str) -> None:
    model = small_model(encoder, frame_rate=25 if encoder == "hubert" else 50)
    waveform, lengths = batch()
    latents = model.encode(waveform, 16_000, lengths)
    with torch.no_grad():
        values, frames = model(waveform, lengths)
        alone, one = model(waveform[:1])
    assert torch.equal(values, latents.values)
    assert torch.equal(frames, latents.lengths)
    assert torch.equal(alone, model.encode(waveform[0], 16_000).values)
    assert one.tolist() == [model.expected_frames(8_000)]


def test_padding_beyond_the_longest_item_changes_no_bit(model: WavCube) -> None:
    waveform, lengths = batch()
    longer = torch.cat([waveform, torch.full((4, 3_000), float("nan"))], 1)
    for first, second in zip(model(waveform, lengths), model(longer, lengths), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("frame_rate", [50, 25])
def test_waveforms_are_those_of_decode_to_the_bit(frame_rate: int) -> None:
    model = small_model(frame_rate=frame_rate)
    latents = model.encode(*batch()[:1], 16_000, LENGTHS)
    expected = model.decode(latents, latents.lengths * model.hop_length)
    with torch.no_grad():
        waveform, lengths = model.synthesize(latents.values, latents.lengths)
        alone, _ = model.synthesize(latents.values[:1])
    assert torch.equal(waveform, expected)
    assert torch.equal(lengths, latents.lengths * model.hop_length)
    assert torch.equal(alone, model.decode(latents.values[:1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_a_prepared_model_gives_the_bits_of_its_front_doors(model: WavCube, dtype: torch.dtype) -> None:
    prepared = copy.deepcopy(model).optimize(dtype)
    waveform, lengths = batch()
    latents = prepared.encode(waveform, 16_000, lengths)
    values, frames = prepared(waveform, lengths)
    assert torch.equal(values, latents.values)
    assert torch.equal(frames, latents.lengths)
    assert torch.equal(prepared(waveform[:1])[0], prepared.encode(waveform[0], 16_000).values)
    synthesised, samples = prepared.synthesize(values, frames)
    assert torch.equal(synthesised, prepared.decode(latents, samples))


def test_long_items_of_a_batch_are_cut_and_the_others_are_not(model: WavCube) -> None:
    model = copy.copy(model)
    waveform, lengths = batch([48_000, 8_000, 20_000])
    short = model.encode_batch(waveform[1:, :20_000], lengths[1:])[0]
    model.chunking = type(model.chunking)(above=2.0, chunk=1.0, context=0.5)
    values, frames = model.encode_batch(waveform, lengths)
    assert frames.tolist() == [149, 24, 62]
    assert torch.equal(values[1:, :62], short)
    assert torch.equal(values[:1], model.encode(waveform[0], 16_000).values)
    decoded, samples = model.decode_batch(values, frames)
    assert samples.tolist() == [149 * 320, 24 * 320, 62 * 320]
    assert torch.equal(decoded[:1], model.decode(values[:1]))


# Gradients


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_gradient_of_a_latent_distance_reaches_a_waveform(encoder: str, frozen: bool) -> None:
    model = small_model(encoder).requires_grad_(not frozen)
    model.encode(signal(2_000), 16_000)  # whatever it leaves behind must not be in the way
    waveform, lengths = batch()
    target = model.encode(waveform, 16_000, lengths).values
    noisy = (waveform + 0.1 * torch.randn(waveform.shape, generator=torch.manual_seed(0))).requires_grad_()
    values, frames = model(noisy, lengths)
    (values - target).square().mean().backward()
    gradient = noisy.grad
    assert gradient is not None
    for item, length, count in zip(gradient, lengths.tolist(), frames.tolist(), strict=True):
        if "w2v-bert" in encoder and length < 560:
            assert not item.any()  # a single frame of log-mel, less its own mean
            continue
        assert item[: 320 * (count - 1) + 400].count_nonzero() > 0.85 * length
        assert not item[length:].any()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(value is None for value in gradients) if frozen else any(value is not None for value in gradients)


def test_the_gradient_is_that_of_finite_differences(model: WavCube) -> None:
    model = copy.deepcopy(model).double().requires_grad_(False)
    waveform = torch.from_numpy(signal(2_000)).double()[None].requires_grad_()
    direction = torch.from_numpy(signal(2_000, seed=1)).double()[None]

    def distance(step: float) -> Tensor:
        return model(waveform + step * direction)[0].square().sum()

    (gradient,) = torch.autograd.grad(distance(0.0), waveform)
    with torch.no_grad():
        expected = (distance(1e-5) - distance(-1e-5)) / 2e-5
    assert float((gradient * direction).sum()) == pytest.approx(float(expected), rel=1e-5)


def test_a_gradient_goes_through_decoding_and_encoding(model: WavCube) -> None:
    model = copy.deepcopy(model).requires_grad_(False)
    values = model.encode(signal(4_000), 16_000).values.requires_grad_()
    again, frames = model(*model.synthesize(values))
    assert frames.tolist() == [11]
    (again - values.detach()[:, :11]).square().mean().backward()
    assert values.grad is not None
    assert bool((values.grad.abs().sum(2) > 0).all())


def test_a_prepared_model_refuses_a_gradient(model: WavCube) -> None:
    prepared = copy.deepcopy(model).optimize()
    with pytest.raises(WavCubeError, match="has no gradients; take the plain one"):
        prepared(torch.zeros(1, 1_000, requires_grad=True))


def test_a_frozen_model_in_a_training_loop_neither_changes_nor_leaks() -> None:
    """As a perceptual loss: a learner's output goes through the model, and only the learner changes."""
    model = small_model().requires_grad_(False)
    before, name, modes = copy.deepcopy(model.state_dict()), model.identity, [m.training for m in model.modules()]
    waveform, lengths = batch()
    target = model.encode(waveform, 16_000, lengths).values
    shift = torch.nn.Parameter(0.1 * torch.randn(waveform.shape, generator=torch.manual_seed(0)))
    optimizer = torch.optim.Adam([shift], 0.01)
    losses: list[float] = []

    def step() -> None:
        values, _ = model(waveform + shift, lengths)
        loss = (values - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    def tensors() -> int:
        gc.collect()
        return sum(type(thing) is Tensor for thing in gc.get_objects())

    for _ in range(3):
        step()
    alive, peak = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        step()
    assert tensors() <= alive
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 50_000  # kB
    assert losses[-1] < losses[0]
    assert model.identity == name
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


# What is no batch


@pytest.mark.parametrize(
    ("waveform", "lengths", "named"),
    [
        (torch.zeros(1_000), None, r"\[1000\]"),
        (torch.zeros(1, 1, 1_000), None, r"\[1, 1, 1000\]"),
        (torch.zeros(1, 399), None, r"at least 400 samples; this is \[1, 399\]"),
        (torch.zeros(1, 1_000, dtype=torch.int16), None, "int16"),
        (torch.zeros(0, 1_000), None, r"\[0, 1000\]"),
        (torch.zeros(2, 1_000), torch.tensor([1_000]), r"one integer an item.*\[1\]"),
        (torch.zeros(1, 1_000), torch.tensor([1.0]), "one integer an item"),
        (torch.zeros(2, 1_000), torch.tensor([1_000, 399]), "399 to 1000 of 1000"),
        (torch.zeros(2, 1_000), torch.tensor([1_001, 400]), "400 to 1001 of 1000"),
    ],
)
def test_what_is_no_batch_of_waveforms_is_refused(
    model: WavCube, waveform: Tensor, lengths: Tensor | None, named: str
) -> None:
    with pytest.raises(AudioError, match=named):
        model(waveform, lengths)


@pytest.mark.parametrize(
    ("values", "lengths", "named"),
    [
        (torch.zeros(5, 16), None, r"\[5, 16\]"),
        (torch.zeros(1, 0, 16), None, r"\[1, 0, 16\]"),
        (torch.zeros(1, 5, 128), None, "128 wide"),
        (torch.zeros(1, 5, 16, dtype=torch.int64), None, "int64"),
        (torch.zeros(2, 5, 16), torch.tensor([5, 0]), "0 to 5 of 5"),
    ],
)
def test_what_is_no_batch_of_latents_is_refused(
    model: WavCube, values: Tensor, lengths: Tensor | None, named: str
) -> None:
    with pytest.raises(LatentsError, match=named):
        model.synthesize(values, lengths)


def test_items_can_be_named(model: WavCube) -> None:
    clips = [signal(2_000), signal(3_000)]
    latents = model.encode(clips, 16_000, names=["first", "second"])
    assert [entry["name"] for entry in latents.metadata] == ["first", "second"]
    with pytest.raises(AudioError, match="second: has 10 samples"):
        model.encode([clips[0], np.zeros(10, np.float32)], 16_000, names=["first", "second"])
    with pytest.raises(AudioError, match="1 names for 2 items"):
        model.encode(clips, 16_000, names=["first"])
