"""Recordings that tests of the evaluation measure, and stand-ins for the models that measure them."""

import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.evaluation.metrics import Pair, Recording


class StubEncoder:
    """Long-term spectrum in 40 bands as a "voice"."""

    name = "stub voices"
    fingerprint = "stub encoder"

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        spectrum = np.abs(np.fft.rfft(waveform, 16_000))[:8000].reshape(40, 200).mean(axis=1)
        return np.log(spectrum + 1e-3) - np.log(spectrum + 1e-3).mean()


class StubASR:
    """Reads a number of known words that falls with the level of high frequencies, that is, with noise."""

    name = "stub reader"
    fingerprint = "stub ASR model"
    words = ("red", "green", "blue", "black", "white", "pink", "grey", "brown", "gold", "teal")

    def __init__(self) -> None:
        self.calls = 0

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        self.calls += 1
        noise = np.abs(np.diff(waveform, prepend=0)).mean() / np.abs(waveform).mean()
        return " ".join(self.words[: int(np.clip(10 - 5 * noise, 0, 10))])


@pytest.fixture(scope="session")
def clip() -> np.ndarray:
    """A man reading a sentence, [S] at 16 kHz, 3.3 s."""
    return load_audio(SPEECH / "p287_002.flac")


@pytest.fixture(scope="session")
def noise(clip: np.ndarray) -> np.ndarray:
    """White noise of unit variance, as long as `clip`."""
    return np.random.default_rng(0).standard_normal(len(clip)).astype(np.float32)


@pytest.fixture
def pair(clip: np.ndarray, noise: np.ndarray) -> Pair:
    """`clip` and the same with noise at 20 dB under it."""
    return noisy_pair(clip, noise, 20.0)


@pytest.fixture
def silent_pair(clip: np.ndarray) -> Pair:
    """`clip` against silence."""
    return Pair(Recording(clip, 16_000), Recording(np.zeros_like(clip), 16_000))


@pytest.fixture
def encoder() -> StubEncoder:
    return StubEncoder()


@pytest.fixture
def asr() -> StubASR:
    return StubASR()


def noisy_pair(clip: np.ndarray, noise: np.ndarray, snr_db: float) -> Pair:
    level = np.sqrt(np.square(clip).mean() / 10 ** (snr_db / 10))
    return Pair(Recording(clip, 16_000), Recording((clip + level * noise).astype(np.float32), 16_000))
