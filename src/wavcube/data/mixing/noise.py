"""Noise of any length: recordings that are repeated, and random numbers with a spectral slope."""

import numpy as np

STEEPEST = 2.0
"""Power falls with the frequency to a power from 0 (white) to this (6 dB an octave, brown)."""

LOWEST_BIN_HZ = 50.0
"""Below, coloured noise does not rise further."""


def repeated(recording: np.ndarray, samples: int, random: np.random.Generator) -> np.ndarray:
    """So many samples of a recording [N] from a random place on; where it ends, it begins anew."""
    start = int(random.integers(len(recording)))
    return np.resize(np.roll(recording, -start), samples)


def coloured_noise(samples: int, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise [samples], float32, whose power falls with frequency by a random slope."""
    exponent = random.uniform(0.0, STEEPEST)
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / sample_rate), LOWEST_BIN_HZ)
    return np.fft.irfft(spectrum * frequency ** (-exponent / 2), samples).astype(np.float32)
