"""Agreement with the public reference implementation, array by array.

Part of the decoder's is committed (`scripts/cut_representation_golden.py` made it). The complete arrays are tested
where they are: in the folder that WAVCUBE_GOLDEN names, or in shared/golden beside the repository.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.codec.checkpoint.official_layout import official_state
from tests.codec.small import relative_error, small_model
from tests.locations import GOLDEN, REPOSITORY
from wavcube.codec import AcousticDecoder, WavCube
from wavcube.codec.checkpoint.official import convert_official
from wavcube.codec.encoder import normalize_waveform

COMMITTED = GOLDEN / "representation.npz"
COMPLETE = Path(os.environ.get("WAVCUBE_GOLDEN", REPOSITORY.parent / "shared/golden"))
LIMIT = 1e-5
"""Relative L2. The reference differs by 1e-6 between one thread and two."""

INPUTS = ("wav_16000", "wav_31999", "wav_48123", "batch2")


def record(arrays: dict[str, Tensor], name: str, module: nn.Module) -> None:
    module.register_forward_hook(lambda _module, _inputs, output: arrays.__setitem__(name, output))


def record_decoder(decoder: AcousticDecoder) -> dict[str, Tensor]:
    arrays: dict[str, Tensor] = {}
    record(arrays, "upsample_proj", decoder.input)
    record(arrays, "dec_layer0", decoder.layers[0])
    record(arrays, "dec_norm", decoder.norm)
    record(arrays, "coarse_mel", decoder.upsampler)
    record(arrays, "voc_layer0", decoder.vocoder.layers[0])
    record(arrays, "voc_norm", decoder.vocoder.norm)
    record(arrays, "head_out", decoder.vocoder.head)
    return arrays


def in_their_layout(name: str, array: Tensor) -> Tensor:
    """Some of their arrays are [B, C, T]; those of the packed layers are [B * T, C]."""
    if name in ("conv_features", "upsample_proj"):
        return array.transpose(1, 2)
    if name in ("dec_layer0", "dec_norm", "voc_layer0", "voc_norm"):
        return array.flatten(0, 1)
    return array


def test_the_decoder_on_the_committed_arrays(tmp_path: Path) -> None:
    """Its first layer, and everything behind its transformer, with the reference's weights in their official layout."""
    with np.load(COMMITTED) as file:
        golden = {name: torch.from_numpy(file[name]) for name in file.files}
    state = official_state(small_model())
    for name in [name for name in golden if name.startswith("weights/")]:
        assert name.removeprefix("weights/") in state
        state[name.removeprefix("weights/")] = golden.pop(name)
    torch.save({"state_dict": state}, tmp_path / "official.ckpt")
    convert_official(tmp_path / "official.ckpt", tmp_path / "model", decoder_heads=4, vocoder_heads=4)
    decoder = WavCube.from_pretrained(tmp_path / "model").decoder
    arrays = record_decoder(decoder)
    with torch.no_grad():
        decoder(golden.pop("z"))
        assert relative_error(in_their_layout("dec_layer0", arrays["dec_layer0"]), golden.pop("dec_layer0")) <= LIMIT
        waveform = decoder.vocoder(decoder.upsampler(golden.pop("dec_norm")[None]))
    assert relative_error(in_their_layout("voc_norm", arrays["voc_norm"]), golden.pop("voc_norm")) <= LIMIT
    end = golden.pop("wav_end")
    assert relative_error(waveform[:, -end.shape[1] :], end) <= LIMIT
    assert not golden


@pytest.fixture(scope="module", params=[1, 2])
def stage(request: pytest.FixtureRequest) -> int:
    if not (COMPLETE / f"tiny_stage{request.param}_gen.ckpt").is_file():
        pytest.skip("the complete golden arrays are not here (WAVCUBE_GOLDEN names their folder)")
    return request.param


@pytest.fixture(scope="module")
def model(stage: int, tmp_path_factory: pytest.TempPathFactory) -> WavCube:
    """The model as a user gets it: converted from the official layout, then loaded."""
    folder = tmp_path_factory.mktemp(f"stage{stage}")
    source = COMPLETE / f"tiny_stage{stage}_gen.ckpt"
    found = convert_official(source, folder, decoder_heads=4, vocoder_heads=4, keep_training_modules=True)
    assert found.config.stage == stage
    return WavCube.from_pretrained(folder)


@pytest.fixture(scope="module")
def golden(stage: int) -> Iterator[np.lib.npyio.NpzFile]:
    with np.load(COMPLETE / f"tiny_stage{stage}_outputs.npz") as file:
        yield file


@pytest.fixture(scope="module")
def inputs() -> Iterator[np.lib.npyio.NpzFile]:
    with np.load(COMPLETE / "inputs.npz") as file:
        yield file


@pytest.mark.parametrize("name", INPUTS)
def test_every_array(model: WavCube, golden: np.lib.npyio.NpzFile, inputs: np.lib.npyio.NpzFile, name: str) -> None:
    waveform = torch.from_numpy(inputs[name])
    arrays = record_decoder(model.decoder)
    record(arrays, "conv_features", model.encoder.feature_extractor)
    record(arrays, "ssl_layer1", model.encoder.encoder.layers[0])
    record(arrays, "compressor_hidden", model.compressor.layers)
    # The reference normalises a batch by one mean and variance over all its items.
    normalized = normalize_waveform(waveform.reshape(1, -1)).reshape(waveform.shape)
    arrays["input_values"] = normalized
    with torch.no_grad():
        arrays["ssl"], frames = model.encoder.encode_normalized(normalized)
        arrays["z"] = model.compressor(arrays["ssl"], frames).latent
        assert model.restorer is not None
        arrays["restored"] = model.restorer(arrays["z"])
        arrays["wav"] = model.decoder(arrays["z"])
    expected = {key.removeprefix(f"{name}/") for key in golden.files if key.startswith(f"{name}/")}
    assert expected == set(arrays)
    errors = {key: relative_error(in_their_layout(key, arrays[key]), golden[f"{name}/{key}"]) for key in arrays}
    assert max(errors.values()) <= LIMIT, errors


@pytest.mark.parametrize("name", INPUTS[:-1])
def test_what_users_call(model: WavCube, golden: np.lib.npyio.NpzFile, inputs: np.lib.npyio.NpzFile, name: str) -> None:
    latents = model.encode(inputs[name], 16_000)
    assert relative_error(model.features(inputs[name], 16_000).values, golden[f"{name}/ssl"]) <= LIMIT
    assert relative_error(latents.values, golden[f"{name}/z"]) <= LIMIT
    assert relative_error(model.restore(latents).values, golden[f"{name}/restored"]) <= LIMIT
    expected = golden[f"{name}/wav"]
    decoded = model.decode(latents)
    assert decoded.shape == inputs[name].shape
    assert relative_error(decoded[:, : expected.shape[1]], expected) <= LIMIT
    assert not decoded[:, expected.shape[1] :].any()


def test_the_teacher(stage: int, model: WavCube, inputs: np.lib.npyio.NpzFile) -> None:
    """Stage 2 has two encoders with different weights: the student makes the latent."""
    if stage == 1:
        assert model.teacher is None
        return
    assert model.teacher is not None
    waveform = torch.from_numpy(inputs["wav_16000"])
    with torch.no_grad():
        assert relative_error(model.teacher(waveform)[0], model.encoder(waveform)[0]) > 0.01
