"""Recordings to mix: drawn by their shares, cropped, with a level."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from wavcube.data.clip import Clip, read_clip
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import read_clips
from wavcube.data.mixing.noise import coloured_noise, repeated
from wavcube.errors import AudioError, ConfigError, DataError
from wavcube.framing import SAMPLE_RATE

MOST_TRIES = 16
"""After as many recordings that cannot be used, or hold only silence, a mixture is given up."""

SILENCE = 1e-4
"""Peak (-80 dBFS) below which a crop of speech or noise has no level to be scaled by."""

Made = TypeVar("Made")


class SilentError(Exception):
    """A crop in which there is nothing to be mixed."""


class Pool:
    """Recordings of one kind (`what` they are to the mixtures), and the share of draws that each gets."""

    def __init__(self, what: str, sources: Sequence[SourceConfig], min_seconds: float = 0.0) -> None:
        weights = [source.weight for source in sources]
        if None in weights and any(weights):
            raise ConfigError(f"mixtures: some sources of {what} have a weight and some have none; give it to all")
        self.what = what
        self.clips: list[Clip] = []
        shares: list[np.ndarray] = []
        for source, weight in zip(sources, weights, strict=True):
            if source.kind not in ("auto", "folder", "list", "jsonl", "lhotse"):
                raise ConfigError(f"mixtures: {source.path}: {source.kind} has no random access; give a list or folder")
            if source.root or source.column != "path":
                raise ConfigError(f"mixtures: {source.path}: a list names files in its column `path`, from its folder")
            found = [
                clip for clip in read_clips(Path(source.path), source.where)
                if clip.seconds is not None and clip.seconds >= min_seconds
            ]  # fmt: skip
            if not found:
                raise DataError(f"{source.path}: no recording of {what} lasts {min_seconds:g} s")
            self.clips += found
            shares.append(np.full(len(found), 1.0 if weight is None else weight / len(found)))
        self.shares = np.concatenate(shares) / sum(part.sum() for part in shares) if shares else np.zeros(0)
        self._ends = np.cumsum(self.shares)

    def draw(self, random: np.random.Generator) -> Clip:
        place = int(np.searchsorted(self._ends, random.random(), side="right"))
        return self.clips[min(place, len(self.clips) - 1)]

    def described(self) -> list[str]:
        """A line for each recording with its share; equal where the same draws give the same recordings."""
        return [f"{clip.name} {share:.9g}" for clip, share in zip(self.clips, self.shares, strict=True)]

    def noise(self, random: np.random.Generator, parts: list[str], samples: int, coloured_share: float) -> np.ndarray:
        """Noise [S] with a root mean square of 1, from the pool or coloured; its name is added to `parts`."""
        if not self.clips or random.random() < coloured_share:
            parts.append("coloured noise")
            noise = coloured_noise(samples, SAMPLE_RATE, random)
        else:
            clip = self.draw(random)
            parts.append(clip.name)
            noise = sounding(repeated(sounding(read_clip(clip), clip.name), samples, random), clip.name)
        return noise / np.float32(rms(noise))


def drawn(random: np.random.Generator, make: Callable[[np.random.Generator], Made]) -> Made:
    """What `make` gives, tried again with further draws where a recording cannot be used or is silent.

    Raises:
        DataError: too many draws in a row.
    """
    reasons: list[str] = []
    for _ in range(MOST_TRIES):
        try:
            return make(random)
        except (AudioError, SilentError) as error:
            reasons.append(str(error))
    raise DataError(f"mixtures: {MOST_TRIES} draws in a row could not be used, the first: {reasons[0]}")


def crop(clip: Clip, samples: int, random: np.random.Generator) -> np.ndarray:
    """A random part of a clip, so many samples at 16 kHz; a shorter one is repeated."""
    assert clip.seconds is not None
    seconds = samples / SAMPLE_RATE
    if clip.seconds > seconds:
        start = (clip.start or 0.0) + random.uniform(0.0, clip.seconds - seconds)
        clip = replace(clip, start=start, seconds=seconds)
    return np.resize(sounding(read_clip(clip), clip.name), samples)


def rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def sounding(waveform: np.ndarray, name: str) -> np.ndarray:
    """The waveform, if there is any sound in it."""
    if len(waveform) == 0 or float(np.abs(waveform).max()) <= SILENCE:
        raise SilentError(f"{name}: is silent there")
    return waveform
