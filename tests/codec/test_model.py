"""`WavCube` as users call it."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.codec.small import moved, relative_error, signal, small_config, small_model
from wavcube import Latents, WavCube, WavCubeConfig
from wavcube.errors import LatentsError, WavCubeError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


@pytest.fixture(scope="module")
def half() -> WavCube:
    """At 25 Hz."""
    return small_model(frame_rate=25)


@pytest.fixture(scope="module")
def latents(model: WavCube) -> Latents:
    return model.encode([signal(8_000), signal(5_000)], 16_000)


def test_properties(model: WavCube, half: WavCube) -> None:
    assert (model.sample_rate, model.hop_length, model.frame_rate, model.latent_dim) == (16_000, 320, 50.0, 16)
    assert (half.sample_rate, half.hop_length, half.frame_rate, half.latent_dim) == (16_000, 640, 25.0, 16)
    with torch.device("meta"):
        full = WavCube(WavCubeConfig.preset("full"))
    assert (full.sample_rate, full.hop_length, full.frame_rate, full.latent_dim) == (16_000, 320, 50.0, 128)
    assert full.expected_frames(16_000) == 49


def test_encode_says_what_it_made(model: WavCube, half: WavCube) -> None:
    for part, rate in ((model, 50.0), (half, 25.0)):
        latents = part.encode([signal(8_000), signal(16_000, seed=1)], 16_000)
        frames = [part.expected_frames(8_000), part.expected_frames(16_000)]
        assert latents.values.shape == (2, frames[1], 16)
        assert latents.lengths.tolist() == frames
        assert (latents.frame_rate, latents.sample_rate) == (rate, 16_000)
        assert latents.samples is not None
        assert latents.samples.tolist() == [8_000, 16_000]
        assert not latents.values[~latents.mask].any() or frames[0] == frames[1]
        assert not latents.values.requires_grad


def test_encode_is_the_parts_in_a_row(model: WavCube) -> None:
    clip = signal(8_000)
    with torch.no_grad():
        features, frames = model.encoder(torch.from_numpy(clip)[None])
        latent = model.compressor(features, frames).latent
        assert relative_error(model.features(clip, 16_000).values, features) <= 1e-6
        assert relative_error(model.encode(clip, 16_000).values, latent) <= 1e-6
        assert model.restorer is not None
        assert relative_error(model.restore(model.encode(clip, 16_000)).values, model.restorer(latent)) <= 1e-6
        assert relative_error(model.decode(latent), model.decoder(latent)) <= 1e-6


def test_features_and_restored_features_say_what_they_are(half: WavCube) -> None:
    features = half.features(signal(8_000), 16_000)
    assert (features.frame_rate, features.values.shape, features.model_id) == (50.0, (1, 24, 64), None)
    restored = half.restore(half.encode(signal(8_000), 16_000))
    assert (restored.frame_rate, restored.values.shape, restored.lengths.tolist()) == (50.0, (1, 24, 64), [24])


@pytest.mark.parametrize("frame_rate", [50, 25])
@pytest.mark.parametrize("samples", [400, 719, 720, 8_001])
def test_reconstruct_gives_as_many_samples_as_it_got(
    model: WavCube, half: WavCube, frame_rate: int, samples: int
) -> None:
    part, clip = {50: model, 25: half}[frame_rate], signal(samples)
    for reconstructed in (part.reconstruct(clip, 16_000), part.reconstruct(torch.from_numpy(clip)[None], 16_000)):
        assert isinstance(reconstructed, torch.Tensor)
        assert reconstructed.shape == (1, samples)
    several = part.reconstruct([clip, signal(900), clip], 16_000)
    assert isinstance(several, list)
    assert [len(waveform) for waveform in several] == [samples, 900, samples]


def test_a_list_of_one_gives_a_list_and_numbers_give_a_waveform(model: WavCube) -> None:
    clip = signal(600)
    assert [len(waveform) for waveform in model.reconstruct([clip], 16_000)] == [600]
    assert model.reconstruct(clip.tolist(), 16_000).shape == (1, 600)  # type: ignore[union-attr]


@pytest.mark.parametrize("expected", [1, 300, 7_680, 8_000, 20_000])
def test_decode_takes_a_length(model: WavCube, latents: Latents, expected: int) -> None:
    plain = model.decode(Latents(latents.values, latents.lengths, 50.0))
    assert plain.shape == (2, 320 * 24)
    forms: list[Any] = [
        expected,
        np.int64(expected),
        torch.tensor(expected),
        [expected, expected],
        np.array([expected, expected]),
    ]
    for form in [*forms, torch.tensor([expected, expected])]:
        decoded = model.decode(latents, form)
        assert decoded.shape == (2, expected)
        for i, frames in enumerate((24, 15)):
            there = min(expected, 320 * frames)
            assert torch.equal(decoded[i, :there], plain[i, :there])
            assert not decoded[i, there:].any()


def test_decode_takes_tensors_and_arrays(model: WavCube, latents: Latents) -> None:
    values = latents.values
    expected = model.decode(Latents(values, torch.tensor([24, 24]), 50.0))
    for given in (values, values.double(), values.numpy(), values.tolist()):
        assert relative_error(model.decode(given), expected) <= 1e-6  # type: ignore[arg-type]
    assert relative_error(model.decode(values[0]), expected[:1]) <= 1e-5


@pytest.mark.parametrize("samples", [0, -1, [0, 5], [5], [5, 5, 5], [], "many", 3.5, [None, None]])
def test_an_impossible_length_is_refused(model: WavCube, latents: Latents, samples: Any) -> None:
    with pytest.raises(LatentsError, match="samples must be"):
        model.decode(latents, samples)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (torch.zeros(1, 5, 128), "128 wide, this model's 16"),
        (torch.zeros(5), r"\[5\]"),
        (torch.zeros(1, 1, 5, 16), r"\[1, 1, 5, 16\]"),
        (torch.zeros(1, 0, 16), "without frames"),
        (torch.zeros(0, 5, 16), "without frames|none"),
        (torch.zeros(1, 5, 16, dtype=torch.int64), "floats"),
        (torch.full((1, 5, 16), float("nan")), "NaN"),
        ("speech.safetensors", "Latents.load"),
        (None, "latents"),
    ],
)
def test_what_is_no_latent_of_the_model_is_refused(model: WavCube, values: Any, named: str) -> None:
    with pytest.raises(LatentsError, match=named):
        model.decode(values)


def test_latents_of_another_model_are_refused(model: WavCube, half: WavCube, latents: Latents) -> None:
    with pytest.raises(LatentsError, match="50 frames a second, this model 25"):
        half.decode(latents)
    named = copy.deepcopy(model)
    named.name_latents("0123456789abcdef")
    foreign = Latents(latents.values, latents.lengths, 50.0, model_id="fedcba9876543210")
    for use in (named.decode, named.restore):
        with pytest.raises(LatentsError, match=r"another model \(fedcba9876543210, this one is 0123456789abcdef\)"):
            use(foreign)
    assert named.decode(named.encode(signal(5_000), 16_000)).shape == (1, 5_000)
    assert named.encode(signal(5_000), 16_000).model_id == "0123456789abcdef"
    foreign.model_id = None
    assert named.decode(foreign).shape == (2, 320 * 24)


def test_empty_items_are_refused(model: WavCube) -> None:
    with pytest.raises(LatentsError, match="without frames"):
        model.decode(Latents(torch.zeros(2, 5, 16), torch.tensor([5, 0]), 50.0))


def test_without_a_restorer_nothing_is_restored(latents: Latents) -> None:
    plain = WavCube(dataclasses.replace(small_config(), restorer=False))
    with pytest.raises(WavCubeError, match="--keep-training-modules"):
        plain.restore(latents)


def test_inference_leaves_the_modes_as_they_are() -> None:
    """In training the encoder stays in eval mode while the rest trains; a validation in between must not end that."""
    model = small_model()
    model.train()
    model.encoder.eval()
    model.decoder.vocoder.eval()
    before = [module.training for module in model.modules()]
    model.reconstruct(signal(2_000), 16_000)
    assert [module.training for module in model.modules()] == before
    with pytest.raises(LatentsError):
        model.decode(torch.zeros(1, 5, 3))
    assert [module.training for module in model.modules()] == before


def test_inference_in_training_mode_is_without_dropout_noise_and_gradients() -> None:
    model = small_model(kind="vae")
    expected = model.encode(signal(4_000), 16_000)
    model.train()
    again = model.encode(signal(4_000), 16_000)
    assert torch.equal(again.values, expected.values)
    assert not model.decode(again).requires_grad
    assert not model.restore(again).values.requires_grad


def test_a_new_model_is_in_eval_mode() -> None:
    assert not any(module.training for module in WavCube(small_config()).modules())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(model: WavCube, dtype: torch.dtype) -> None:
    small = copy.deepcopy(model).to(dtype)
    clips = [signal(6_000), signal(4_000)]
    latents = small.encode(clips, 16_000)
    assert latents.values.dtype == dtype
    expected = model.encode(clips, 16_000)
    limit = 0.15 if dtype == torch.bfloat16 else 0.02
    for got, item in zip(latents, expected, strict=True):
        assert relative_error(got.values, item.values) < limit
    decoded = small.decode(latents)
    assert decoded.dtype == torch.float32
    assert decoded.isfinite().all()
    # Latents of either precision can be decoded by either model.
    assert model.decode(latents).isfinite().all()
    assert small.decode(expected).isfinite().all()


def test_the_same_input_gives_the_same_output(model: WavCube) -> None:
    clip = signal(5_000)
    assert torch.equal(model.encode(clip, 16_000).values, model.encode(clip, 16_000).values)
    assert torch.equal(model.reconstruct(clip, 16_000), model.reconstruct(clip, 16_000))  # type: ignore[arg-type]


def test_the_teacher_starts_frozen() -> None:
    model = moved(WavCube(dataclasses.replace(small_config(), teacher=True)))
    assert model.teacher is not None
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives(model: WavCube) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    there = copy.deepcopy(model).cuda()
    clips = [signal(16_000), signal(9_000), signal(400)]
    here, moved_there = model.encode(clips, 16_000), there.encode(clips, 16_000)
    assert moved_there.values.is_cuda
    assert relative_error(moved_there.values.cpu(), here.values) <= 1e-4
    assert relative_error(there.decode(moved_there).cpu(), model.decode(here)) <= 1e-4
    assert relative_error(there.decode(here).cpu(), model.decode(here)) <= 1e-4
