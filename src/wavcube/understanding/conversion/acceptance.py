"""Whether a speaker encoder takes converted speech for the target speaker's."""

from collections.abc import Sequence

import numpy as np

from wavcube.evaluation.speaker_encoder import SHORTEST_S, SpeakerEncoder

RATE = 16_000
"""Of the waveforms that encoders take, in Hz."""


def voice(encoder: SpeakerEncoder, waveform: np.ndarray) -> np.ndarray | None:
    """Embedding of unit length [D] of a waveform [S] at 16 kHz; None of silence and of what is too short."""
    if len(waveform) < SHORTEST_S * RATE or not np.abs(waveform).max() > 0:
        return None
    embedding = np.asarray(encoder.embed(waveform), np.float64)
    return embedding / max(float(np.linalg.norm(embedding)), 1e-12)


def acceptance_threshold(voices: Sequence[np.ndarray], speakers: Sequence[str]) -> float:
    """The similarity at which as many pairs of two speakers pass as pairs of one fail; NaN if one kind is missing.

    Args:
        voices: embeddings [D] of unit length.
        speakers: whose each is.
    """
    first, second = np.triu_indices(len(voices), 1)
    stacked, names = np.array(voices), np.array(speakers)
    if not len(first):
        return float("nan")
    scores, same = (stacked @ stacked.T)[first, second], names[first] == names[second]
    if same.all() or not same.any():
        return float("nan")
    true, false = np.sort(scores[same]), np.sort(scores[~same])
    thresholds = np.unique(scores)
    rejected = np.searchsorted(true, thresholds) / len(true)
    accepted = 1.0 - np.searchsorted(false, thresholds) / len(false)
    return float(thresholds[np.abs(rejected - accepted).argmin()])
