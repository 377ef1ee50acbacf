"""A named pipe in a folder stopped everything, silently; types that no weights can have were library errors."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command
from tests.locations import SPEECH
from wavcube import Latents, WavCube
from wavcube.audio.io import is_audio
from wavcube.errors import AudioError, ConfigError, LatentsError, WavCubeError

pytestmark = pytest.mark.filterwarnings("ignore::wavcube.errors.InputWarning")


@pytest.fixture
def clip() -> Path:
    return next(iter(sorted(SPEECH.glob("*.opus"))))


def test_a_pipe_is_an_error_of_its_own(wavcube: Command, model: Path, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "clip.opus").write_bytes(clip.read_bytes())
    os.mkfifo(folder / "pipe.wav")
    os.mkfifo(folder / "odd")
    outcome = wavcube("encode", folder, "-o", tmp_path / "z", "-m", model)
    assert outcome.code == 1
    assert "pipe.wav: is not a regular file; save what it gives to a file first" in outcome.err
    assert (tmp_path / "z/clip.safetensors").is_file()
    named = wavcube("encode", folder / "pipe.wav", folder / "clip.opus", "-o", tmp_path / "y", "-m", model)
    assert named.code == 1
    assert (tmp_path / "y/clip.safetensors").is_file()
    os.mkfifo(tmp_path / "z/pipe.safetensors")
    decoded = wavcube("decode", tmp_path / "z", "-o", tmp_path / "w", "-m", model)
    assert decoded.code == 1
    assert "pipe.safetensors: is not a regular file" in decoded.err
    assert (tmp_path / "w/clip.wav").is_file()
    assert not is_audio(folder / "odd")
    with pytest.raises(LatentsError, match="is no regular file"):
        Latents.load(tmp_path / "z/pipe.safetensors")


@pytest.mark.parametrize("dtype", ["int8", torch.int8, "complex64", torch.float8_e4m3fn, "bool"])
def test_types_that_weights_cannot_have(dtype: torch.dtype | str, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights are float32, bfloat16, float16 or float64, not torch"):
        WavCube.from_pretrained(model, dtype=dtype)
    with pytest.raises(ConfigError, match="weights are float32"):
        WavCube.from_pretrained(model).save_pretrained(tmp_path / "out", dtype=dtype)
    assert not (tmp_path / "out").exists()


def test_the_device_without_numbers(model: Path) -> None:
    with pytest.raises(WavCubeError, match="cannot be put on the device meta"):
        WavCube.from_pretrained(model, device="meta")
    with pytest.raises(AudioError, match="is a tensor on the device meta"):
        WavCube.from_pretrained(model).encode(torch.empty(16_000, device="meta"), 16_000)


def test_the_packaged_model_has_one_name_everywhere(packaged: WavCube) -> None:
    assert WavCube.from_pretrained("packaged").identity == packaged.identity


def test_paths_in_arrays_and_in_dictionaries(model: Path, clip: Path) -> None:
    codec = WavCube.from_pretrained(model)
    plain = codec.encode(clip).values
    assert torch.equal(codec.encode({"path": str(clip), "bytes": None}).values, plain)
    assert torch.equal(codec.encode(np.array([str(clip)])).values, plain)
    assert torch.equal(codec.encode(np.array([clip], dtype=object)).values, plain)
