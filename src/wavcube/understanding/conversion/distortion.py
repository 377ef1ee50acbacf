"""Mel-cepstral distortion between two recordings of one sentence, aligned by dynamic time warping."""

from functools import cache

import numpy as np

RATE = 16_000
"""Of the waveforms, in Hz."""

WINDOW, HOP, N_FFT = 400, 80, 1024
"""Samples: frames of 25 ms every 5 ms."""

ORDER, WARP = 24, 0.42
"""Of the mel-cepstrum: its last coefficient, and the all-pass constant, the usual ones at 16 kHz."""

ENVELOPE = 32
"""Quefrencies that count as the envelope, in samples (2 ms): voices of up to 500 Hz leave no trace of their pitch."""

QUIET_DB = -20.0
"""Below the mean power; quieter frames are left out."""

BAND = (80.0, 7600.0)
"""In Hz. What lies outside counts as its edge, of `EDGE` bins: a log-mel of SUPERB-SG's form has nothing there, its
vocoder makes something up, and Griffin-Lim leaves it empty."""

EDGE = 16

FLOOR = 1e-8
"""Added to the power of a bin: what 16-bit quantisation leaves in it."""


def mel_cepstral_distortion(one: np.ndarray, other: np.ndarray) -> float:
    """Of two waveforms [S] at 16 kHz, in dB; 0 of equal ones, whatever their order.

    Quiet frames are left out of each, then the frames are aligned by `alignment`; the distance of two frames is
    10 / ln 10 * sqrt(2 * sum of squared differences) of coefficients 0 to 24, and the result its mean over the path.
    """
    first, second = mel_cepstrum(one), mel_cepstrum(other)
    squares = np.square(first).sum(1)[:, None] + np.square(second).sum(1)[None] - 2.0 * first @ second.T
    distances = 10.0 / np.log(10.0) * np.sqrt(2.0 * np.clip(squares, 0.0, None))
    return alignment(distances)


def mel_cepstrum(waveform: np.ndarray) -> np.ndarray:
    """Coefficients [T, 25] of the frames of a waveform [S] at 16 kHz that are not quiet.

    The envelope is the log spectrum of a frame, smoothed by its cepstrum (SUPERB-SG takes WORLD's); the frequency axis
    is warped by the all-pass that mel-cepstra have.
    """
    padded = np.pad(waveform.astype(np.float64), (0, max(0, WINDOW - len(waveform))))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.square(np.abs(np.fft.rfft(pieces, N_FFT)))
    magnitude = 0.5 * np.log(power + FLOOR)
    low, high = (round(edge / RATE * N_FFT) for edge in BAND)
    magnitude[:, :low] = magnitude[:, low : low + EDGE].mean(1, keepdims=True)
    magnitude[:, high:] = magnitude[:, high - EDGE : high].mean(1, keepdims=True)
    cepstrum = np.fft.irfft(magnitude)[:, :ENVELOPE]
    cepstrum[:, 1:] *= 2.0  # one side stands for both
    whole = power.sum(1)
    return cepstrum[whole >= 10.0 ** (QUIET_DB / 10.0) * whole.mean()] @ _warping()


def alignment(distances: np.ndarray) -> float:
    """Mean distance along the cheapest path through [N, M] from corner to corner, by steps of one frame in either or in
    both; of equally cheap steps, the one in both."""
    rows, columns = distances.shape
    # A cell's three neighbours lie on the two diagonals before its own, so that a diagonal is done at once. Row i of a
    # diagonal stands at i + 1; what lies outside costs infinitely much.
    cost, count = np.full((2, rows + 1), np.inf), np.zeros((2, rows + 1))
    cost[1, 1], count[1, 1] = distances[0, 0], 1.0
    for diagonal in range(1, rows + columns - 1):
        first, last = max(0, diagonal - columns + 1), min(rows - 1, diagonal)
        here = np.arange(first, last + 1)
        before = np.stack([cost[0, here], cost[1, here], cost[1, here + 1]])
        steps = np.stack([count[0, here], count[1, here], count[1, here + 1]])
        chosen = before.argmin(0)
        new_cost, new_count = np.full(rows + 1, np.inf), np.zeros(rows + 1)
        new_cost[here + 1] = np.take_along_axis(before, chosen[None], 0)[0] + distances[here, diagonal - here]
        new_count[here + 1] = np.take_along_axis(steps, chosen[None], 0)[0] + 1.0
        cost, count = np.stack([cost[1], new_cost]), np.stack([count[1], new_count])
    return float(cost[1, rows] / count[1, rows])


@cache
def _warping() -> np.ndarray:
    """[ENVELOPE, ORDER + 1]: cepstra to mel-cepstra, by the cosine transform of the envelope at warped frequencies."""
    warped = (np.arange(2048) + 0.5) * np.pi / 2048
    plain = warped - 2.0 * np.arctan(WARP * np.sin(warped) / (1.0 + WARP * np.cos(warped)))
    envelope = np.cos(np.arange(ENVELOPE)[:, None] * plain)
    cosines = np.cos(warped[:, None] * np.arange(ORDER + 1)) * 2.0 / len(warped)
    cosines[:, 0] /= 2.0
    return envelope @ cosines
