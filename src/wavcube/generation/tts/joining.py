# ruff: noqa: RUF001 (signs and letters that look like others)
"""Pieces of speech, one behind the other."""

from collections.abc import Sequence

import numpy as np

FADE_S = 0.005
SENTENCE_PAUSE_S, PAUSE_S = 0.25, 0.1
"""Behind a piece that ends a sentence, and behind one that was cut elsewhere."""


def usual_pause(text: str) -> float:
    """Seconds of silence behind a piece of text."""
    return SENTENCE_PAUSE_S if text.rstrip("\"')]").endswith((".", "!", "?", "。", "！", "？")) else PAUSE_S


def faded(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A waveform [S] that begins and ends at zero, so that nothing clicks beside a pause."""
    size = min(round(FADE_S * sample_rate), len(waveform) // 2)
    ramp = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)
    waveform = waveform.copy()
    waveform[:size] *= ramp
    waveform[len(waveform) - size :] *= ramp[::-1]
    return waveform


def with_pause(waveform: np.ndarray, pause: float, sample_rate: int) -> np.ndarray:
    """A waveform [S], faded at both ends, with `pause` seconds of silence behind it."""
    return np.concatenate([faded(waveform, sample_rate), np.zeros(round(pause * sample_rate), np.float32)])


def joined(pieces: Sequence[np.ndarray], pauses: Sequence[float], sample_rate: int) -> np.ndarray:
    """Waveforms with the pauses in seconds behind each; a single one without a pause stays as it is."""
    if len(pieces) == 1 and not pauses[0]:
        return pieces[0]
    return np.concatenate([with_pause(one, pause, sample_rate) for one, pause in zip(pieces, pauses, strict=True)])
