"""Recordings and parts of recordings, by key."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavcube.audio.io import audio_info, load_audio
from wavcube.errors import AudioError


@dataclass(frozen=True)
class Clip:
    """A recording, or its part from `start` to `end` seconds; `key` is unique in its data set."""

    key: str
    path: Path
    start: float | None = None
    end: float | None = None

    @property
    def seconds(self) -> float:
        """Duration by the file's header.

        Raises:
            AudioError: the file is missing or unreadable.
        """
        seconds = audio_info(self.path).seconds
        return min(seconds, self.end if self.end is not None else seconds) - (self.start or 0.0)


def read_clip(clip: Clip, sample_rate: int = 16_000) -> np.ndarray:
    """The waveform [S] of a clip.

    Raises:
        AudioError: it cannot be read, or ends before the clip begins.
    """
    waveform = load_audio(clip.path, sample_rate)
    if clip.start is None and clip.end is None:
        return waveform
    first = round((clip.start or 0.0) * sample_rate)
    last = len(waveform) if clip.end is None else round(clip.end * sample_rate)
    if not 0 <= first < min(last, len(waveform)):
        seconds = len(waveform) / sample_rate
        raise AudioError(f"{clip.path}: {seconds:.2f} s long, has no part from {clip.start} to {clip.end} s")
    return waveform[first:last]


def batches_of(missing: dict[str, Clip], batch_seconds: float) -> Iterable[list[tuple[str, Clip, float]]]:
    """Clips of like duration together, at most `batch_seconds` with their padding."""
    timed = sorted(((content, clip, clip.seconds) for content, clip in missing.items()), key=lambda item: item[2])
    batch: list[tuple[str, Clip, float]] = []
    for item in timed:
        if batch and (len(batch) + 1) * item[2] > batch_seconds:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
