"""The trained model that comes with the package."""

import numpy as np
import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.pipeline import SpeechEnhancer


@pytest.fixture(scope="module")
def packaged() -> SpeechEnhancer:
    return SpeechEnhancer.from_pretrained()


def noisy(speech: np.ndarray, snr_db: float) -> np.ndarray:
    """Speech [S] with brown noise."""
    noise = np.cumsum(np.random.default_rng(0).standard_normal(len(speech)))
    noise = np.diff(noise, prepend=0.0) + 0.02 * (noise - noise.mean())
    scale = np.sqrt(np.square(speech).mean() / np.square(noise).mean()) * 10 ** (-snr_db / 20)
    return (speech + scale * noise).astype(np.float32)


def test_it_is_small_and_its_card_is_there() -> None:
    assert (LatentEnhancer.packaged / "model.safetensors").stat().st_size < 12e6
    assert "Words can change" in (LatentEnhancer.packaged / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_the_latent_comes_nearer_to_that_of_clean_speech(packaged: SpeechEnhancer, snr_db: float) -> None:
    clean = load_audio(SPEECH / "p287_002.flac")
    wanted, unchanged, cleaned = (
        packaged.model.normalise(packaged.latents(torch.from_numpy(waveform), strength))
        for waveform, strength in ((clean, 0.0), (noisy(clean, snr_db), 0.0), (noisy(clean, snr_db), 1.0))
    )
    assert (cleaned - wanted).abs().mean() < 0.8 * (unchanged - wanted).abs().mean()


def test_clean_speech_stays_near_to_what_it_was(packaged: SpeechEnhancer) -> None:
    clean = load_audio(SPEECH / "p287_002.flac")
    before, after = (packaged.model.normalise(packaged.latents(torch.from_numpy(clean), s)) for s in (0.0, 1.0))
    assert (after - before).abs().mean() < 0.35


def test_noise_between_words_is_taken_off(packaged: SpeechEnhancer) -> None:
    clean = load_audio(SPEECH / "p287_002.flac")
    mixture = noisy(np.pad(clean, (16_000, 0)), 5.0)
    for output in ("decoded", "masked"):
        cleaned = packaged.enhance(mixture, 16_000, output=output)
        fall = 10 * np.log10(np.square(mixture[2_000:14_000]).mean() / np.square(cleaned[2_000:14_000]).mean())
        assert fall > 10, output
