"""Arrays of samples: their type, scale, channels and rate -> mono float32."""

import warnings
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
import soxr

from wavcube.errors import AudioError, AudioWarning

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
"""The sample rates that are read, in Hz."""

LOUDEST = 100.0
"""Largest magnitude of a float sample (+40 dB over full scale); beyond it these are no samples in [-1, 1]."""

BLOCK = 1 << 20
"""Samples that are looked at or converted at once, so that hours of them need no second copy."""

CANCELLED = 0.05
"""Share of the power that the mean of unrelated channels has, below which channels cancel each other out."""


def as_mono(
    array: Any, sample_rate: int, target_rate: int = 16_000, *, name: str = "the array", copy: bool = True
) -> np.ndarray:
    """Turn samples of any type and channel count into mono float32 `[S]` at `target_rate` Hz.

    Channels are averaged; of channels that cancel each other out the loudest is taken, with an `AudioWarning`.

    Args:
        array: `[S]`, `[channels, S]` or `[S, channels]` (the shorter axis is taken for the channels; where both are
            equal, the first). Floats are taken as they are, full scale being [-1, 1]; int8, int16 and int32 are divided
            by their full scale; uint8, uint16 and uint32 have their midpoint as zero. Tensors may be given too.
        sample_rate: of `array`, in Hz.
        target_rate: of the result, in Hz.
        name: what to call the array in an error.
        copy: whether the result has memory of its own; if not, an array that is mono float32 at `target_rate` already
            comes back as it is.

    Raises:
        AudioError: no samples; NaN or infinite samples; a type that is no sample type (bool, complex, int64, whose
            full scale nobody uses); masked samples; integers of fewer bits than their type has, or floats that are
            evidently not in [-1, 1]; a rate outside 4 to 192 kHz.
    """
    check_rate(sample_rate, f"{name}: its rate")
    check_rate(target_rate, "the requested rate")
    samples = as_array(array, name)
    if samples.ndim == 2:
        channel_axis = 0 if samples.shape[0] <= samples.shape[1] else 1
    elif samples.ndim != 1:
        raise AudioError(f"{name}: has shape {list(samples.shape)}; give [samples], or two axes with the channels")
    if samples.size == 0:
        raise AudioError(f"{name}: holds no samples")
    waveform = as_float(samples, name, copy)
    if samples.ndim == 2:
        mixdown, rows = Mixdown(), np.moveaxis(waveform, channel_axis, 1)
        waveform = mixdown.add(rows)
        if mixdown.cancelled is not None:
            warn_of_cancellation(name, mixdown.cancelled)
            waveform = rows[:, mixdown.cancelled]
    if sample_rate != target_rate:
        waveform = soxr.resample(waveform, sample_rate, target_rate, quality="HQ")
    return checked_waveform(waveform, target_rate, name)


def as_array(array: Any, name: str) -> np.ndarray:
    if hasattr(array, "detach"):  # a tensor, of a torch that need not be imported for this
        if getattr(array, "is_meta", False):
            raise AudioError(f"{name}: is a tensor on the device meta, which holds no samples")
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() else array
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        count = int(np.ma.count_masked(array))
        raise AudioError(
            f"{name}: {count} of its samples are masked; cut them out, or fill them with `array.filled(0)`"
        )
    try:
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AudioError(f"{name}: is not an array of samples ({error})") from error


def as_float(samples: np.ndarray, name: str, copy: bool = True) -> np.ndarray:
    """Scale integers of any shape to float32 in [-1, 1); check floats, which are copied only if `copy` asks for it."""
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        check_samples(count_bad(samples), peak_of(samples), name, whole_numbers=is_whole(samples))
        return samples.astype(np.float32, copy=copy)
    if kind in "iu" and bits <= 32:
        _check_full_scale(samples, bits, name)
        full_scale = 2.0 ** (bits - 1)
        midpoint = full_scale if kind == "u" else 0.0
        return ((samples.astype(np.float64) - midpoint) / full_scale).astype(np.float32)
    raise AudioError(f"{name}: {samples.dtype} is no type of samples; give floats in [-1, 1] or 8 to 32-bit integers")


def _check_full_scale(samples: np.ndarray, bits: int, name: str) -> None:
    """Refuse integers that use only the lower half of their bits: samples of fewer bits in a wider type."""
    highest, lowest = int(samples.max()), int(samples.min())
    largest = max(highest, -lowest)
    half = bits // 2
    signed = samples.dtype.kind == "i"
    narrow = 0 < largest <= (1 << half - 1 if signed else (1 << half) - 1)
    if bits >= (32 if signed else 16) and narrow:
        given = f"{half}-bit" if half == 8 or bits == 32 else "narrower"
        raise AudioError(
            f"{name}: its {samples.dtype} samples reach {largest} only, as {given} samples do; give them in their own "
            f"type, or as floats in [-1, 1]"
        )
    if signed and bits == 32 and 0 < largest <= 1 << 23:
        warnings.warn(
            f"{name}: its int32 samples reach {largest} only, below -48 dB of full scale; if they have 24 bits, divide "
            f"them by {1 << 23}",
            AudioWarning,
            stacklevel=4,
        )


def is_whole(samples: np.ndarray) -> bool:
    """Whether all samples are whole numbers."""
    return all(bool((block == np.rint(block)).all()) for block in blocks(samples))


class Mixdown:
    """The mean of the channels, block by block; notices channels that cancel each other out.

    Args:
        channel: take this one instead of the mean, of blocks that have it.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._energies = np.zeros(0)
        self._mixed = 0.0

    def add(self, block: np.ndarray) -> np.ndarray:
        """The mean [n] of a block [n, channels]."""
        channels = block.shape[1]
        if self._channel is not None and self._channel < channels:
            return block[:, self._channel]
        mixed = mixed_down(block, axis=1)
        if channels > 1 and self._channel is None:
            with np.errstate(invalid="ignore", over="ignore"):
                energies = np.einsum("sc,sc->c", block, block, dtype=np.float64)
                self._mixed += float(np.einsum("s,s->", mixed, mixed, dtype=np.float64))
            size = max(len(self._energies), channels)
            self._energies = np.pad(self._energies, (0, size - len(self._energies)))
            self._energies[:channels] += energies
        return mixed

    @property
    def cancelled(self) -> int | None:
        """The loudest channel, if the mean has far less power than the mean of unrelated channels would have."""
        count = len(self._energies)
        if count < 2 or not np.isfinite(self._energies.sum()):
            return None
        unrelated = float(self._energies.sum()) / count**2
        return int(self._energies.argmax()) if self._mixed < CANCELLED * unrelated else None


def warn_of_cancellation(name: str, channel: int) -> None:
    """Say that the channels of a recording are in antiphase and one of them is taken."""
    warnings.warn(
        f"{name}: its channels cancel each other out (antiphase); channel {channel + 1} alone is taken",
        AudioWarning,
        stacklevel=3,
    )


def mixed_down(samples: np.ndarray, axis: int) -> np.ndarray:
    if samples.shape[axis] == 1:
        return samples.take(0, axis)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf; checked afterwards
        return samples.mean(axis=axis, dtype=np.float32)


def count_bad(samples: np.ndarray) -> int:
    return samples.size - sum(int(np.isfinite(block).sum()) for block in blocks(samples))


def blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Samples [S, ...] in pieces of at most `BLOCK` along the first axis."""
    return (samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))


def peak_of(samples: np.ndarray) -> float:
    return max(float(samples.max()), -float(samples.min()))


def check_rate(rate: int, what: str) -> None:
    if not isinstance(rate, Real) or isinstance(rate, bool):
        raise AudioError(f"{what} is not known ({rate!r}); give it in Hz")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(f"{what} is {rate} Hz; rates from {LOWEST_RATE} to {HIGHEST_RATE} Hz are supported")


def check_samples(bad: int, peak: float, name: str, *, whole_numbers: bool = False) -> None:
    """Refuse a number of `bad` (non-finite) samples, or a `peak` that no samples in [-1, 1] have.

    Beyond 1, floats that are all whole numbers are integers in another type.
    """
    if bad:
        raise AudioError(f"{name}: {bad} of its samples {'is' if bad == 1 else 'are'} NaN or infinite; remove them")
    if peak > LOUDEST or (whole_numbers and peak > 1):
        raise AudioError(f"{name}: has float samples up to {peak:g}; divide them by their full scale, to [-1, 1]")


def checked_waveform(waveform: np.ndarray, sample_rate: int, name: str) -> np.ndarray:
    if waveform.size == 0:
        raise AudioError(f"{name}: is shorter than one sample at {sample_rate} Hz")
    return np.ascontiguousarray(waveform)
