"""Recordings and parts of recordings: where they are, what is known of them, and how they are read."""

import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from wavcube.audio.io import as_mono, audio_info, load_audio
from wavcube.audio.recording import open_recording
from wavcube.errors import AudioError, WavCubeError

SLACK_S = 0.1
"""How far a part may reach over the end of its recording: durations in lists are rounded, and by some tools padded to
whole frames of features."""

_MARGIN_S = 0.1  # read around a part that is resampled: the filter of the resampler is shorter
_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number for a stream whose header leaves the length open
_THREADS = 8  # that open files at the same time: it waits for the disk as much as for the processor


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, or a part of one, and what is known of it.

    Attributes:
        name: unique in its data set; what results, caches and logs call it.
        path: of the recording.
        start: where the part begins in the recording, in seconds; None for the whole recording.
        seconds: duration of the recording or part; None where it is not known. A part without it reaches to the end.
        channel: the channel to take, from 0; None for the mean of all.
        transcript: the words; None where they are not known.
        language: ISO 639-1 code.
        columns: whatever else the list has on it.
        audio: the encoded recording itself, where it is no file (a member of a tar shard).
    """

    name: str
    path: Path
    start: float | None = None
    seconds: float | None = None
    channel: int | None = None
    transcript: str | None = None
    language: str = "en"
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    audio: bytes | None = field(default=None, repr=False)

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a recording, not all of it."""
        return self.start is not None


def part_name(name: str, start: float, seconds: float | None) -> str:
    """The name of a part of the recording `name`."""
    end = "" if seconds is None else f"{start + seconds:g}"
    return f"{name}@{start:g}-{end}s"


def read_clip(clip: Clip, sample_rate: int = 16_000) -> np.ndarray:
    """The waveform [S] of a clip, float32, at `sample_rate` Hz. Of a part, only the part is decoded, where the format
    allows it.

    Raises:
        AudioError: it cannot be read, or the recording ends before the part does.
    """
    if clip.audio is None and not clip.is_part and clip.channel is None:
        return load_audio(clip.path, sample_rate)
    with opened(clip) as file:
        if file is None or not _can_be_searched(clip, file):
            waveform = load_whole(clip, sample_rate)
            first, count = stretch(clip, sample_rate, len(waveform))
            return waveform[first : first + count]
        first, count = stretch(clip, file.samplerate, file.frames)
        return _resampled_part(clip, file, first, count, sample_rate)


def with_seconds(clips: Iterable[Clip]) -> list[Clip]:
    """The same clips with their durations by the headers of their files, each of which is opened once.

    A part without an end gets what is left of its recording; one that has an end is not looked at. Where a header
    cannot be read, the duration stays unknown: reading the clip then says why.
    """
    clips = list(clips)
    totals = header_seconds(clip.path for clip in clips if not clip.is_part or clip.seconds is None)
    return [filled(clip, totals[clip.path]) if clip.path in totals else clip for clip in clips]


def header_seconds(paths: Iterable[Path], progress: bool = False) -> dict[Path, float | None]:
    """Durations by the headers of files, several at a time; None where a header cannot be read."""
    paths = sorted(set(paths))
    with ThreadPoolExecutor(_THREADS) as pool:
        found: Iterable[float | None] = pool.map(_header_seconds, paths)
        if progress:
            from wavcube.progress import track

            found = track(found, "reading headers", len(paths))
        return dict(zip(paths, found, strict=True))


def filled(clip: Clip, total: float | None) -> Clip:
    """The clip with its duration, in a recording of `total` seconds; a part that has one keeps it."""
    if clip.is_part and clip.seconds is not None:
        return clip
    return replace(clip, seconds=None if total is None else total - (clip.start or 0.0))


def seconds_of(clip: Clip) -> float:
    """Duration of a clip; by the header of its file if it is not known yet.

    Raises:
        AudioError: it is not known, and the file is missing or unreadable.
    """
    if clip.seconds is not None:
        return clip.seconds
    return audio_info(clip.path).seconds - (clip.start or 0.0)


@contextmanager
def opened(clip: Clip) -> Iterator[soundfile.SoundFile | None]:
    """Open a clip's recording for reading any part of it; None if that is not possible and all has to be decoded.

    Where the list does not give the duration, the structure of the file says how long it is: libsndfile may guess.
    Errors of libsndfile, then and later, become an `AudioError`.
    """
    if clip.audio is None and not os.path.isfile(clip.path):
        raise AudioError(f"{clip.path}: no such file")
    try:
        file = soundfile.SoundFile(io.BytesIO(clip.audio) if clip.audio is not None else clip.path)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        # TypeError: soundfile takes the suffix .raw for headerless samples and asks for their rate.
        if not _is_recording(clip):
            raise AudioError(f"{clip.name}: is damaged, or no audio ({_reason(error)})") from error
        yield None
        return
    with file:
        try:
            # Seeking in MP3 is inexact, and makes libmpg123 print complaints.
            whole = file.frames == _UNKNOWN_FRAMES or file.format == "MP3" or file.subtype.startswith("MPEG")
            if clip.seconds is None:
                whole = whole or not _can_be_searched(clip, file)
            else:
                # A file with too few samples for its clip may be a chain, of which libsndfile knows the first stream.
                end = (clip.start or 0.0) + clip.seconds - SLACK_S
                whole = whole or file.frames < end * file.samplerate
            yield None if whole else file
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(f"{clip.name}: is damaged or cut short ({_reason(error)})") from error


def stretch(clip: Clip, rate: int, frames: int) -> tuple[int, int]:
    """The first sample of a clip in a recording of `frames` samples at `rate` Hz, and its number of samples.

    Raises:
        AudioError: the recording ends before the clip does, by more than `SLACK_S`, or before it begins.
    """
    first = round((clip.start or 0.0) * rate)
    available = frames - first
    if clip.seconds is not None:
        if available < (clip.seconds - SLACK_S) * rate:
            end = (clip.start or 0.0) + clip.seconds
            raise AudioError(f"{clip.name}: ends at {frames / rate:.2f} s, the list asks for up to {end:.2f} s")
        available = min(available, round(clip.seconds * rate))
    return first, max(0, available)


def read_block(clip: Clip, file: soundfile.SoundFile, first: int, count: int) -> np.ndarray:
    """Samples [count, channels] of an open recording, or [count] of the channel that the clip takes.

    Raises:
        AudioError: the file ends before its header says, or has no such channel.
    """
    file.seek(first)
    block = file.read(count, dtype="float32", always_2d=True)
    if len(block) < count:
        raise AudioError(f"{clip.name}: ends before its header says; get a complete copy")
    if clip.channel is not None and block.shape[1] > 1:
        if clip.channel >= block.shape[1]:
            raise AudioError(f"{clip.name}: has {block.shape[1]} channels, the list asks for channel {clip.channel}")
        return block[:, clip.channel]
    return block


def load_whole(clip: Clip, sample_rate: int) -> np.ndarray:
    """The waveform [S] of the recording that a clip is in, all of it."""
    return load_audio(clip.path if clip.audio is None else clip.audio, sample_rate)


def _can_be_searched(clip: Clip, file: soundfile.SoundFile) -> bool:
    """Whether libsndfile reads the recording as its container has it: in one piece, with the same number of samples."""
    with open_recording(clip.path if clip.audio is None else clip.audio) as recording:
        [first, *others] = recording.segments
        if others or first.tail or first.frames not in (None, file.frames) or file.frames < (first.promised or 0):
            return False
    try:
        file.seek(file.frames)  # libsndfile cannot in Ogg without an end flag, and then does not read its end either
    except soundfile.LibsndfileError:
        return False
    return "truncated file" not in file.extra_info


def _is_recording(clip: Clip) -> bool:
    """Whether the container of a recording that libsndfile cannot open as it is can be read in pieces."""
    try:
        with open_recording(clip.path if clip.audio is None else clip.audio):
            return True
    except AudioError:
        return False


def _resampled_part(clip: Clip, file: soundfile.SoundFile, first: int, count: int, sample_rate: int) -> np.ndarray:
    rate = file.samplerate
    if count <= 0:
        raise AudioError(f"{clip.name}: is {file.frames / rate:.2f} s long, has no part from {clip.start:g} s on")
    if rate == sample_rate:
        return as_mono(read_block(clip, file, first, count), rate, sample_rate, name=clip.name)
    # Read from a sample on that falls on one of the result's, and a little more on both sides, as the filter needs it.
    step = rate // math.gcd(rate, sample_rate)
    margin = round(_MARGIN_S * rate)
    begin = max(0, (first - margin) // step * step)
    end = min(file.frames, first + count + margin)
    wide = as_mono(read_block(clip, file, begin, end - begin), rate, sample_rate, name=clip.name)
    offset = round(first * sample_rate / rate) - begin // step * (sample_rate * step // rate)
    return wide[offset : offset + round(count * sample_rate / rate)]


def _header_seconds(path: Path) -> float | None:
    try:
        return audio_info(path).seconds
    except WavCubeError:
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")
