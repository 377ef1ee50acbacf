"""Loudness of speech, and speech brought to it without clipping."""

import numpy as np
import torch
import torch.nn.functional as F

FRAME_S = 0.02
QUIETEST_DB = -25.0
"""Frames below this, from the loudest, are pauses and do not count."""

CEILING = 0.98
"""The largest sample of speech that has been limited."""

LOOK_S = 0.005
"""A limiter turns down this long before a peak and up again as long after it."""

MOST_GAIN = 30.0
"""Speech is raised by at most this factor: something fainter is no speech."""


def speech_level(waveform: np.ndarray, sample_rate: int) -> float:
    """Root mean square of a waveform [S] over its frames with speech; 0 for digital silence."""
    size = max(1, min(round(FRAME_S * sample_rate), len(waveform)))
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    if not len(frames):
        return 0.0
    energy = np.square(frames, dtype=np.float64).mean(1)
    return float(np.sqrt(energy[energy >= energy.max() * 10 ** (QUIETEST_DB / 10)].mean()))


def at_level(waveform: np.ndarray, level: float, sample_rate: int) -> np.ndarray:
    """A waveform [S] as loud as `level` (see `speech_level`), peaks limited to `CEILING`."""
    own = speech_level(waveform, sample_rate)
    gain = min(level / own, MOST_GAIN) if own > 0 else 1.0
    return limited((waveform * gain).astype(np.float32), sample_rate)


def limited(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A waveform [S] inside `CEILING`: the gain follows the peaks smoothly, so that nothing is clipped."""
    if not len(waveform) or np.abs(waveform).max() <= CEILING:
        return waveform
    reach = max(1, round(LOOK_S * sample_rate))
    excess = torch.from_numpy(np.maximum(np.abs(waveform) / CEILING, 1.0))[None]
    # The largest excess around each sample, then the mean of the gains around: at a peak all of them suffice for it.
    largest = F.max_pool1d(F.pad(excess, (2 * reach, 2 * reach), value=1.0), 2 * reach + 1, stride=1)
    gain = F.avg_pool1d(1 / largest, 2 * reach + 1, stride=1)[0].numpy()
    return np.clip(waveform * gain, -CEILING, CEILING)  # what rounding leaves over
