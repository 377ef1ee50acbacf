"""Any recording -> mono float32 at a given rate: the one place that reads audio.

Reads what libsndfile reads (WAV, FLAC, OGG/Opus, OGG/Vorbis, MP3, AIFF, ...) at 4 to 192 kHz, with any number of
channels (their mean is taken), and resamples with soxr. What comes out is the whole recording, or an `AudioError` that
names the fault: a file that was cut short is not read as if it were a shorter one, and how much there is to read is
not taken from its header (`wavcube.audio.containers`).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from wavcube.audio.containers import begins_like_sound
from wavcube.audio.recording import Recording, open_recording
from wavcube.audio.samples import (
    Mixdown,
    as_mono,
    check_rate,
    check_samples,
    checked_waveform,
    count_bad,
    is_whole,
    peak_of,
    warn_of_cancellation,
)
from wavcube.audio.saving import as_pcm16, read_comment, save_audio
from wavcube.errors import AudioError
from wavcube.files import find_files

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioInfo",
    "as_mono",
    "as_pcm16",
    "audio_info",
    "find_audio",
    "is_audio",
    "load_audio",
    "read_comment",
    "save_audio",
]

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".bwf", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mpga", ".aif", ".aiff", ".aifc"}
    | {".au", ".snd", ".caf", ".w64", ".rf64", ".voc", ".sph", ".nist", ".8svx", ".iff", ".avr", ".paf", ".pvf"}
    | {".sf", ".sds", ".wve"}
)
"""What counts as audio in a folder. A file that is named itself may have any suffix."""


_UNREADABLE_SUFFIXES = frozenset(
    {
        ".m4a",
        ".m4b",
        ".aac",
        ".wma",
        ".amr",
        ".3ga",
        ".ape",
        ".wv",
        ".tta",
        ".mka",
        ".weba",
        ".ra",
        ".ac3",
        ".spx",
        ".dsf",
    }
)


@dataclass(frozen=True)
class AudioInfo:
    """What a recording holds: `frames` samples a channel at `sample_rate` Hz, `seconds` long.

    Of a chain of streams, `sample_rate`, `channels`, `format` and `subtype` are those of the first.
    """

    sample_rate: int
    channels: int
    frames: int
    seconds: float
    format: str
    subtype: str


def load_audio(source: Any, sample_rate: int = 16_000) -> np.ndarray:
    """Read a recording as mono float32 `[S]` at `sample_rate` Hz, full scale being [-1, 1].

    Overshoots of float files, and those that resampling makes near full scale, are kept. A recording of `n` samples a
    channel at rate `r` gives `round(n * sample_rate / r)` samples. What is odd about a file that is read all the same
    (its header leaves the length open; its channels cancel each other out) is said by one `AudioWarning`.

    Args:
        source: a path, the bytes of a file, or a file object open for reading bytes.
        sample_rate: of the result, in Hz.

    Raises:
        AudioError: the file is missing, unreadable, not audio, empty, damaged, cut short, at a rate outside 4 to
            192 kHz, or holds NaN or infinite samples.
    """
    check_rate(sample_rate, "the requested rate")
    with open_recording(source) as recording:
        mixdown = Mixdown()
        waveform = _decoded(recording, sample_rate, mixdown)
        if mixdown.cancelled is not None:
            warn_of_cancellation(recording.name, mixdown.cancelled)
            waveform = _decoded(recording, sample_rate, Mixdown(mixdown.cancelled))
    return checked_waveform(waveform, sample_rate, recording.name)


def _decoded(recording: Recording, sample_rate: int, mixdown: Mixdown) -> np.ndarray:
    """All segments one behind the other, mono at `sample_rate` Hz."""
    blocks = [np.zeros(0, np.float32)]
    resampler: soxr.ResampleStream | None = None
    rate = 0
    bad, peak, whole_numbers, total = 0, 0.0, True, 0
    for segment in recording.segments:
        with recording.opened(segment) as file:
            check_rate(file.samplerate, f"{recording.name}: its rate")
            if file.samplerate != rate:
                if resampler:
                    blocks.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
                rate, resampler = file.samplerate, None
                if rate != sample_rate:
                    resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
            for channels in recording.blocks(segment, file):
                block = mixdown.add(channels)
                bad += count_bad(block)
                peak = max(peak, peak_of(block))
                whole_numbers = whole_numbers and is_whole(channels)
                total += len(block)
                # A resampler that has met NaN gives NaN for ever, so bad files are only counted to their end.
                if not bad:
                    blocks.append(resampler.resample_chunk(block) if resampler else block)
    if total == 0:
        raise AudioError(f"{recording.name}: holds no samples")
    check_samples(bad, peak, recording.name, whole_numbers=whole_numbers)
    if resampler:
        blocks.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(blocks)


def audio_info(source: Any) -> AudioInfo:
    """How long a recording is and what it is, with as much care as `load_audio`, but without decoding it.

    Args:
        source: see `load_audio`.

    Raises:
        AudioError: the file is missing, unreadable, not audio, or its structure shows that it was cut short.
    """
    with open_recording(source) as recording:
        first: AudioInfo | None = None
        seconds = 0.0
        frames = 0
        for segment in recording.segments:
            with recording.opened(segment) as file:
                count, rate = recording.count(segment, file), file.samplerate
                seconds += count / rate
                if first is None:
                    first = AudioInfo(rate, file.channels, count, seconds, file.format, file.subtype)
                frames += count if rate == first.sample_rate else round(count * first.sample_rate / rate)
        assert first is not None
        return AudioInfo(first.sample_rate, first.channels, frames, seconds, first.format, first.subtype)


def find_audio(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Find the recordings that files, folders (searched recursively) and glob patterns name; sorted, each once.

    A file that is named itself is kept whatever its suffix; a folder contributes those of `AUDIO_SUFFIXES` and others
    that begin like a sound file. What is left out an `InputWarning` says.

    Raises:
        AudioError: something does not exist, or a folder or pattern gives nothing.
    """
    inputs = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [file.path for file in find_files(inputs, AUDIO_SUFFIXES, "audio", AudioError, is_audio)]


def is_audio(path: Path) -> bool:
    """Whether a file in a folder is a recording though its suffix is none of `AUDIO_SUFFIXES`.

    By its first bytes; and recordings in formats that cannot be read count, so that they fail rather than vanish.
    """
    if path.suffix.lower() in _UNREADABLE_SUFFIXES:
        return True
    try:
        if not path.is_file():  # to open a pipe is to wait for whoever writes to it
            return False
        with path.open("rb") as file:
            return begins_like_sound(file.read(16))
    except OSError:
        return False
