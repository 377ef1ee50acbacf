"""A prepared model gives the plain model's numbers."""

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.codec.small import W2V_BERT
from tests.instruction_sets import HAS_BFLOAT16
from wavcube.codec import Chunking, WavCube, WavCubeConfig
from wavcube.codec.config import EncoderConfig
from wavcube.codec.encoder import PositionConvolution
from wavcube.codec.inference.optimize import (
    FAST_CHUNKING,
    PackedFeatureEncoder,
    PackedLinear,
    PackedPositionConvolution,
    QuantizedLinear,
)
from wavcube.codec.inference.parallel import parallel_map
from wavcube.errors import CheckpointError, ConfigError

GROUP_NORM = {"pre_norm": False, "conv_norm": "group", "normalize_waveform": False}

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
needs_bfloat16 = pytest.mark.skipif(not HAS_BFLOAT16, reason="this machine has no bfloat16")


def plain_model(**encoder: object) -> WavCube:
    """A tiny model, wide enough that its layers are packed, with weights moved away from their initial values."""
    torch.manual_seed(1)
    values = WavCubeConfig.preset("tiny").to_dict()
    values["encoder"].update(encoder)
    model = WavCube(WavCubeConfig.from_dict(values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def distance(values: Tensor, reference: Tensor) -> float:
    return float((values.float() - reference).norm() / reference.norm())


@needs_onednn
@pytest.mark.parametrize("encoder", [{}, GROUP_NORM, {"conv_bias": True}], ids=["layer-norm", "group-norm", "bias"])
@pytest.mark.parametrize(
    ("dtype", "bound"),
    [(torch.float32, 1e-5), pytest.param(torch.bfloat16, 5e-2, marks=needs_bfloat16), (torch.int8, 0.1)],
    ids=["float32", "bfloat16", "int8"],
)
def test_equals_the_plain_model_on_unequal_lengths(encoder: dict, dtype: torch.dtype, bound: float) -> None:
    plain = plain_model(**encoder)
    fast = copy.deepcopy(plain).optimize(dtype)
    assert any(isinstance(module, PackedLinear | QuantizedLinear) for module in fast.modules())
    assert isinstance(fast.encoder.feature_extractor, PackedFeatureEncoder)
    generator = torch.Generator().manual_seed(2)
    clips = [0.1 * torch.randn(n, generator=generator) for n in (16_000, 401, 23_456, 5_000)] + [
        0.1 * torch.randn(140_000, generator=generator)
    ]
    latents, fast_latents = plain.encode(clips, 16_000), fast.encode(clips, 16_000)
    waveform, fast_waveform = plain.decode(latents), fast.decode(latents)
    for i, clip in enumerate(clips):
        assert distance(fast_latents.item(i).values, latents.item(i).values) < bound
        assert distance(fast_waveform[i, : len(clip)], waveform[i, : len(clip)]) < 3 * bound


WHISPER = {"family": "whisper", "normalize_waveform": False, "mel_bins": 20}
CONFORMER = {"family": "wav2vec2-bert", **W2V_BERT}


@needs_onednn
@pytest.mark.parametrize(
    "encoder",
    [
        WHISPER,
        CONFORMER,
        {**WHISPER, "feature_layers": (0, -1), "feature_mix": "weighted"},
        {"feature_layers": (1, -1)},
        {"feature_layers": (0, 2), "feature_mix": "weighted"},
    ],
    ids=["whisper", "w2v-bert", "whisper-layers", "layers-concatenated", "layers-weighted"],
)
@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)], ids=["float32", "bfloat16"]
)
def test_other_families_and_layers_equal_the_plain_model(encoder: dict, dtype: torch.dtype, bound: float) -> None:
    plain = plain_model(**encoder)
    fast = copy.deepcopy(plain).optimize(dtype)
    generator = torch.Generator().manual_seed(2)
    clips = [0.1 * torch.randn(n, generator=generator) for n in (16_000, 401, 23_456)]
    latents, fast_latents = plain.encode(clips, 16_000), fast.encode(clips, 16_000)
    assert torch.equal(fast_latents.lengths, latents.lengths)
    for i in range(len(clips)):
        assert distance(fast_latents.item(i).values, latents.item(i).values) < bound


@needs_onednn
def test_the_plain_model_stays_as_it_was() -> None:
    plain = plain_model()
    clip = 0.1 * torch.randn(8_000, generator=torch.Generator().manual_seed(3))
    before = plain.encode(clip, 16_000).values
    copy.deepcopy(plain).optimize()
    assert torch.equal(plain.encode(clip, 16_000).values, before)


@needs_onednn
def test_packed_linear_with_gelu_equals_both_in_turn() -> None:
    torch.manual_seed(4)
    linear = nn.Linear(96, 160)
    values = torch.randn(2, 33, 96)
    packed = PackedLinear(linear.weight, linear.bias, gelu=True)
    assert distance(packed(values), nn.functional.gelu(linear(values)).detach()) < 1e-6


def test_a_prepared_model_is_neither_saved_nor_prepared_again(tmp_path: Path) -> None:
    model = plain_model().optimize()
    with pytest.raises(CheckpointError, match="save it before"):
        model.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="already"):
        model.optimize()


def test_other_types_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="float16"):
        plain_model().optimize(torch.float16)


@needs_onednn
@settings(deadline=None, max_examples=30)
@given(samples=st.integers(400, 40_000), batch=st.integers(1, 2), seed=st.integers(0, 100))
def test_the_feature_encoder_in_pieces_is_the_whole(samples: int, batch: int, seed: int) -> None:
    plain = plain_model().encoder.feature_extractor
    waveform = torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        assert distance(PackedFeatureEncoder(copy.deepcopy(plain))(waveform), plain(waveform)) < 1e-5


@needs_onednn
@pytest.mark.parametrize("kernel", [32, 5])
@settings(deadline=None, max_examples=20)
@given(frames=st.integers(1, 200), batch=st.integers(1, 3), seed=st.integers(0, 100))
def test_the_position_convolution_in_blocks_is_the_whole(kernel: int, frames: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    plain = PositionConvolution(EncoderConfig(width=32, heads=2, position_kernel=kernel, position_groups=4))
    hidden = torch.randn(batch, frames, 32)
    with torch.no_grad():
        assert distance(PackedPositionConvolution(plain)(hidden, None), plain(hidden, None)) < 1e-5


@needs_onednn
def test_long_recordings_equal_the_plain_model_with_the_same_chunks() -> None:
    plain = plain_model()
    fast = copy.deepcopy(plain).optimize()
    assert fast.chunking == FAST_CHUNKING != plain.chunking
    plain.chunking = FAST_CHUNKING
    clip = 0.1 * torch.randn(16_000 * 65, generator=torch.Generator().manual_seed(6))
    latents = plain.encode(clip, 16_000)
    torch.set_num_threads(2)  # chunks side by side
    try:
        assert distance(fast.encode(clip, 16_000).values, latents.values) < 1e-5
        assert distance(fast.decode(latents), plain.decode(latents)) < 1e-5
    finally:
        torch.set_num_threads(1)


@needs_onednn
@pytest.mark.parametrize(("positions", "chunking"), [(1500, FAST_CHUNKING), (150, Chunking(3.0, 2.0, 0.5))])
def test_a_whisper_gets_the_chunks_that_fit_its_positions(positions: int, chunking: Chunking) -> None:
    model = plain_model(**WHISPER, max_frames=positions)
    assert model.chunking != FAST_CHUNKING
    assert model.optimize().chunking == chunking


@needs_onednn
def test_chunks_that_a_user_has_chosen_stay() -> None:
    model = plain_model()
    model.chunking = Chunking(above=100)
    assert model.optimize().chunking == Chunking(above=100)


@needs_onednn
def test_recordings_side_by_side_equal_one_after_the_other() -> None:
    """A prepared model has no state that several threads could spoil."""
    model = plain_model().optimize()
    generator = torch.Generator().manual_seed(5)
    clips = [0.1 * torch.randn(n, generator=generator) for n in (90_000, 16_000, 60_000, 30_000, 90_000, 70_000)]
    one_by_one = [model.reconstruct(clip, 16_000) for clip in clips]
    torch.set_num_threads(3)
    try:
        done = list(parallel_map(lambda clip: model.reconstruct(clip, 16_000), clips, 3))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)
    for (item, together), clip, alone in zip(done, clips, one_by_one, strict=True):
        assert item is clip
        assert distance(together, alone) < 1e-5


@needs_onednn
def test_a_narrow_model_in_int8_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    plain_model().optimize(torch.int8)
    assert "much of its quality" in caplog.text
    caplog.clear()
    plain_model().optimize(torch.bfloat16)
    assert "much of its quality" not in caplog.text
