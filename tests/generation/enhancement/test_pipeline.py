from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generation.enhancement.small import small_enhancer
from tests.locations import SPEECH
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.codec.chunking import Chunking
from wavcube.errors import AudioError, CheckpointError, ConfigError
from wavcube.generation.enhancement import LatentEnhancer, SpeechEnhancer
from wavcube.generation.regression.masks import masked
from wavcube.generation.regression.pipeline import PEAK

RECORDING = SPEECH / "p287_002.flac"


@pytest.fixture
def enhancer(wavcube_folder: Path) -> SpeechEnhancer:
    codec = WavCube.from_pretrained(wavcube_folder)
    return SpeechEnhancer(small_enhancer(codec, f"wavcube:{wavcube_folder}"), codec)


def test_a_recording_keeps_its_length_and_gets_what_it_gets_in_a_list(enhancer: SpeechEnhancer) -> None:
    other = np.random.default_rng(0).standard_normal(7000).astype(np.float32) * 0.1
    alone = enhancer.enhance(RECORDING)
    together = enhancer.enhance([(other, 16_000), RECORDING])
    assert len(together[0]) == 7000
    assert np.linalg.norm(together[1] - alone) <= 1e-5 * np.linalg.norm(alone)


def test_the_level_of_a_recording_is_that_of_the_result(enhancer: SpeechEnhancer) -> None:
    speech = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.01
    quiet, loud = enhancer.enhance(speech, 16_000), enhancer.enhance(4 * speech, 16_000)
    assert np.linalg.norm(4 * quiet - loud) < 1e-4 * np.linalg.norm(loud)


def test_strength_lies_between_the_recording_and_the_cleaned(enhancer: SpeechEnhancer) -> None:
    waveform = torch.randn(16_000) * 0.1
    none, half, full = (enhancer.latents(waveform, s) for s in (0.0, 0.5, 1.0))
    assert torch.allclose(none, enhancer.codec.encode(waveform, 16_000).values[0], atol=1e-5)
    assert not torch.allclose(none, full, atol=1e-2)
    assert torch.allclose(half, (none + full) / 2, atol=1e-5)
    with pytest.raises(ConfigError, match="strength is 2"):
        enhancer.enhance(waveform, 16_000, strength=2)


def test_silence_stays_silence(enhancer: SpeechEnhancer) -> None:
    assert not enhancer.enhance(np.zeros(8000, np.float32), 16_000).any()
    with pytest.raises(AudioError):
        enhancer.enhance(np.zeros(100, np.float32), 16_000)


def test_windows_and_pieces_come_close_to_the_whole(wavcube_folder: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    waveform = torch.randn(4 * 16_000) * 0.1
    whole = SpeechEnhancer(small_enhancer(codec, "wavcube", 0.03, seconds=10.0), codec)
    windows = SpeechEnhancer(small_enhancer(codec, "wavcube", 0.03, seconds=2.0), codec)
    pieces = SpeechEnhancer(whole.model, codec)
    pieces.chunking = Chunking(above=2.0, chunk=1.0, context=0.5)
    expected = whole.latents(waveform)
    for other in (windows, pieces):
        found = other.latents(waveform)
        assert found.shape == expected.shape
        assert torch.linalg.norm(found - expected) < 0.2 * torch.linalg.norm(expected)


def test_a_long_recording_in_little_memory_is_what_the_whole_would_be(wavcube_folder: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    codec.chunking = Chunking(above=2.0, chunk=1.0, context=0.5)
    enhancer = SpeechEnhancer(small_enhancer(codec, "wavcube", 0.03), codec)
    enhancer.chunking = codec.chunking
    waveform = torch.randn(4 * 16_000 + 123) * 0.1
    before, peak = waveform.clone(), float(waveform.abs().max())
    decoded = codec.decode(enhancer.latents(waveform * (PEAK / peak))[None], len(waveform))[0] * (peak / PEAK)
    for output, expected in (("decoded", decoded), ("masked", masked(waveform, decoded.clone()))):
        shares: list[float] = []
        made = enhancer.enhance(waveform, 16_000, output=output, progress=shares.append)  # type: ignore[arg-type]
        assert np.allclose(made, expected.clamp(-1, 1).numpy(), atol=1e-6)
        assert shares == sorted(shares)
        assert len(shares) == 4 + 4 + 1
        assert shares[-1] == 1
    assert torch.equal(waveform, before)
    silence = np.zeros(8000, np.float32)
    assert not np.shares_memory(enhancer.enhance(silence, 16_000), silence)


def test_a_saved_model_is_the_same_and_checks_its_wavcube(enhancer: SpeechEnhancer, tmp_path: Path) -> None:
    enhancer.model.save_pretrained(tmp_path / "model")
    again = SpeechEnhancer.from_pretrained(tmp_path / "model")
    assert np.array_equal(again.enhance(RECORDING), enhancer.enhance(RECORDING))
    enhancer.model.save_pretrained(tmp_path / "half", torch.float16)
    assert LatentEnhancer.from_pretrained(tmp_path / "half").latent_mean.equal(enhancer.model.latent_mean)
    with pytest.raises(CheckpointError, match="trained on the latents of wavcube:"):
        SpeechEnhancer.from_pretrained(tmp_path / "model", codec=str(_other(tmp_path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="holds no speech enhancement model"):
        SpeechEnhancer.from_pretrained(tmp_path / "empty")


def _other(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    WavCube(WavCubeConfig.preset("tiny")).save_pretrained(tmp_path / "other")
    return tmp_path / "other"


def test_a_masked_recording_is_nowhere_louder_than_it_was(enhancer: SpeechEnhancer) -> None:
    waveform = torch.randn(16_000) * 0.1
    made = torch.from_numpy(enhancer.enhance(waveform, 16_000))
    assert made.shape == waveform.shape
    assert float(made.norm()) <= float(waveform.norm())
    # The phase is the recording's: what is left lies along it.
    assert float(made @ waveform) > 0.5 * float(made.norm() * waveform.norm())
    with pytest.raises(ConfigError, match="output is 'mask'; there are masked, decoded"):
        enhancer.enhance(waveform, 16_000, output="mask")  # type: ignore[arg-type]


def test_the_mask_of_a_recording_itself_changes_nothing() -> None:
    waveform = torch.randn(8000) * 0.1
    assert torch.allclose(masked(waveform, waveform.clone()), waveform, atol=1e-5)
    quiet = masked(waveform, torch.zeros(8000))
    assert torch.allclose(quiet, 0.03 * waveform, atol=1e-5)
