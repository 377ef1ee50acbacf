from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generation.separation.small import small_separator
from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.errors import AudioError
from wavcube.generation.regression.masks import shared
from wavcube.generation.regression.pipeline import PEAK
from wavcube.generation.separation import SpeechSeparator

RECORDING = SPEECH / "p287_002.flac"


@pytest.fixture
def separator(wavcube_folder: Path) -> SpeechSeparator:
    codec = WavCube.from_pretrained(wavcube_folder)
    return SpeechSeparator(small_separator(codec, f"wavcube:{wavcube_folder}"), codec)


def test_a_recording_gets_what_it_gets_in_a_list(separator: SpeechSeparator) -> None:
    other = np.random.default_rng(0).standard_normal(7000).astype(np.float32) * 0.1
    alone = separator.separate(RECORDING)
    together = separator.separate([(other, 16_000), RECORDING])
    assert together[0].shape == (2, 7000)
    assert np.linalg.norm(together[1] - alone) <= 1e-5 * np.linalg.norm(alone)


def test_a_pair_is_one_recording_and_a_tuple_is_several(separator: SpeechSeparator) -> None:
    speech = load_audio(RECORDING)
    alone = separator.separate((speech, 16_000))
    assert np.array_equal(alone, separator.separate(speech, 16_000))
    assert [one.shape for one in separator.separate((speech, speech[:9_000]), 16_000)] == [alone.shape, (2, 9_000)]
    assert separator.extract((speech, 16_000), (16_000, speech)).shape == speech.shape
    with pytest.raises(AudioError, match="the enrolment is one recording, not 2"):
        separator.extract(speech, [RECORDING, RECORDING], 16_000)


def test_masked_talkers_add_up_to_the_recording(separator: SpeechSeparator) -> None:
    recording = load_audio(RECORDING)
    masked = separator.separate(RECORDING)
    assert np.abs(masked.sum(0) - recording).max() < 1e-4
    assert separator.separate(RECORDING, output="decoded").shape == masked.shape


def test_items_with_and_without_enrolment_are_what_they_are_alone(separator: SpeechSeparator) -> None:
    model, width = separator.model, separator.codec.config.encoder.feature_width
    torch.manual_seed(0)
    features, latents = torch.randn(3, 40, width), torch.randn(3, 40, separator.codec.latent_dim)
    known = torch.randn(3, 25, width), torch.randn(3, 25, separator.codec.latent_dim)
    with torch.no_grad():
        together = model(features, latents, *known, torch.tensor([False, True, False]))
        alone = model(features[:1], latents[:1])
        enrolled = model(features[1:2], latents[1:2], known[0][1:2], known[1][1:2])
        without = model(features[1:2], latents[1:2])
    assert torch.allclose(together[:1], alone, atol=1e-4)
    assert torch.allclose(together[1:2], enrolled, atol=1e-4)
    assert not torch.allclose(enrolled, without, atol=1e-2)


def test_pieces_come_close_to_the_whole(wavcube_folder: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    waveform = torch.randn(4 * 16_000) * 0.1
    whole = SpeechSeparator(small_separator(codec, "wavcube", 0.03, seconds=10.0), codec)
    pieces = SpeechSeparator(small_separator(codec, "wavcube", 0.03, seconds=2.0), codec)
    pieces.chunking = Chunking(above=2.0, chunk=1.0, context=0.5)
    expected, found = whole.latents(waveform), pieces.latents(waveform)
    assert found.shape == expected.shape
    assert torch.linalg.norm(found - expected) < 0.2 * torch.linalg.norm(expected)


def test_a_long_recording_in_little_memory_is_what_the_whole_would_be(wavcube_folder: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    codec.chunking = Chunking(above=2.0, chunk=1.0, context=0.5)
    separator = SpeechSeparator(small_separator(codec, "wavcube", 0.03), codec)
    separator.chunking = codec.chunking
    waveform = torch.randn(4 * 16_000 + 123) * 0.1
    before, peak = waveform.clone(), float(waveform.abs().max())
    latents = separator.latents(waveform * (PEAK / peak))
    decoded = torch.stack([codec.decode(latents[None, :, k], len(waveform))[0] for k in (0, 1)]) * (peak / PEAK)
    for output, expected in (("decoded", decoded), ("masked", shared(waveform, decoded.clone()))):
        shares: list[float] = []
        made = separator.separate(waveform, 16_000, output=output, progress=shares.append)  # type: ignore[arg-type]
        assert np.allclose(made, expected.clamp(-1, 1).numpy(), atol=1e-6)
        assert shares == sorted(shares)
        assert shares[-1] == 1
    assert torch.equal(waveform, before)


def test_silence_stays_silence_and_bad_enrolments_are_refused(separator: SpeechSeparator, tmp_path: Path) -> None:
    assert not separator.separate(np.zeros(8000, np.float32), 16_000).any()
    assert separator.extract(RECORDING, RECORDING).shape == load_audio(RECORDING).shape
    save_audio(tmp_path / "silent.wav", np.zeros(48_000, np.float32))
    with pytest.raises(AudioError, match=r"silent\.wav: is silent"):
        separator.extract(RECORDING, tmp_path / "silent.wav")
    save_audio(tmp_path / "short.wav", np.ones(8_000, np.float32) * 0.1)
    with pytest.raises(AudioError, match=r"short\.wav: an enrolment lasts 1 s or more"):
        separator.extract(RECORDING, tmp_path / "short.wav")


def test_a_saved_model_is_the_same(separator: SpeechSeparator, tmp_path: Path) -> None:
    separator.model.save_pretrained(tmp_path / "model")
    again = SpeechSeparator.from_pretrained(tmp_path / "model")
    assert np.array_equal(again.separate(RECORDING), separator.separate(RECORDING))
