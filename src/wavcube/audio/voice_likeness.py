"""Whether a recording is likely a voice: noise, music and very noisy speech are told from it by two simple measures."""

import numpy as np

FRAME_S = 0.02
LEAST_RANGE_DB, LEAST_PITCHED = 20.0, 0.25
"""Of clean speech 98 % have more: 29 dB and 0.48 of 120 clips of ten sources, against 5 to 15 dB of rain, engines or
chords, and no pitch in dog barks."""

_QUIET_DB = -25.0  # frames below this, from the loudest, do not count for pitch
_PITCH_HZ = (70.0, 400.0)
_PERIODIC = 0.5


def doubt_of_voice(waveform: np.ndarray, sample_rate: int) -> str | None:
    """Why a waveform [S] is likely no clean voice, for a warning; None where there is no doubt."""
    size = round(FRAME_S * sample_rate)
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    energy = np.square(frames, dtype=np.float64).mean(1)
    level = 10 * np.log10(energy / energy.max() + 1e-6)
    loudness_range = float(np.subtract(*np.percentile(level, (90, 10))))
    if loudness_range < LEAST_RANGE_DB:
        return f"its loudness changes by only {loudness_range:.0f} dB, as in music or steady noise"
    pitched = _pitched_share(waveform, np.flatnonzero(level > _QUIET_DB) * size, 2 * size, sample_rate)
    return f"only {100 * pitched:.0f} % of it has a pitch" if pitched < LEAST_PITCHED else None


def _pitched_share(waveform: np.ndarray, starts: np.ndarray, size: int, sample_rate: int) -> float:
    """The share of pieces that repeat themselves at a pitch of a voice, by their autocorrelation."""
    starts = starts[starts + size <= len(waveform)]
    pieces = waveform[starts[:, None] + np.arange(size)].astype(np.float64)
    length = 1 << (2 * size - 1).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, length)) ** 2)[:, : size // 2]
    correlation /= (correlation[:, :1] + 1e-12) * (1 - np.arange(size // 2) / size)
    first, last = round(sample_rate / _PITCH_HZ[1]), round(sample_rate / _PITCH_HZ[0])
    return float((correlation[:, first:last].max(1) > _PERIODIC).mean()) if len(starts) else 0.0
