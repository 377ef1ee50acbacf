"""Pieces of speech, one behind the other."""

from collections.abc import Sequence

import numpy as np

FADE_S = 0.005
PAUSE_S = 0.1
"""Between pieces. Each fades in and out beside it, so that nothing clicks."""


def faded(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A waveform [S] that begins and ends at zero."""
    size = min(round(FADE_S * sample_rate), len(waveform) // 2)
    ramp = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)
    waveform = waveform.copy()
    waveform[:size] *= ramp
    waveform[len(waveform) - size :] *= ramp[::-1]
    return waveform


def joined(pieces: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Waveforms with short pauses between them; a single one stays as it is."""
    if len(pieces) == 1:
        return pieces[0]
    pause = np.zeros(round(PAUSE_S * sample_rate), np.float32)
    parts = [part for piece in pieces for part in (faded(piece, sample_rate), pause)]
    return np.concatenate(parts[:-1])
