"""Recordings to try the page with, made of the packaged clip: none of them is a file."""

import numpy as np

from wavcube.audio.demo_clip import DEMO_CLIP
from wavcube.audio.io import as_mono, load_audio
from wavcube.data.mixing.noise import coloured_noise
from wavcube.evaluation.metric import Recording
from wavcube.framing import SAMPLE_RATE

SLOWER = 1.25
"""The lower voice is the clip played so much more slowly: pitch and formants fall by 3.9 semitones."""


def clip() -> Recording:
    """5.05 s of a reading woman."""
    return Recording(load_audio(DEMO_CLIP, SAMPLE_RATE), SAMPLE_RATE, "example")


def noisy(snr_db: float = 5.0) -> Recording:
    """The clip in coloured noise."""
    speech = clip().waveform
    noise = coloured_noise(len(speech), SAMPLE_RATE, np.random.default_rng(0))
    gain = np.sqrt(np.square(speech).mean() / np.square(noise).mean()) * 10 ** (-snr_db / 20)
    return _scaled(speech + gain * noise, f"example with noise, {snr_db:g} dB")


def lower_voice() -> Recording:
    """The clip in a lower voice."""
    return _scaled(as_mono(clip().waveform, SAMPLE_RATE, round(SAMPLE_RATE * SLOWER)), "example, lower voice")


def two_talkers() -> Recording:
    """Both voices at once."""
    low, high = lower_voice().waveform, clip().waveform
    return _scaled(low + np.pad(high, (len(low) - len(high), 0)), "example, two talkers")


def _scaled(waveform: np.ndarray, name: str) -> Recording:
    """Without clipping."""
    peak = float(np.abs(waveform).max())
    return Recording((waveform * min(1.0, 0.9 / peak)).astype(np.float32), SAMPLE_RATE, name)
