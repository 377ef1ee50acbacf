"""A clip -> `crop_samples` of 16 kHz audio, decoding only what is needed."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np
import soundfile

from wavcube.audio.io import as_mono, load_audio
from wavcube.data.manifests.clip_table import Clip
from wavcube.errors import AudioError

SAMPLE_RATE = 16_000
FEWEST_SAMPLES = 400
"""What the speech encoder needs for its first frame."""

SILENCE = 1e-4
"""A crop whose peak is lower (-80 dBFS) is left as it is: scaling it would turn dither into loud noise."""

_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number for a stream whose header leaves the length open


class OutsideLimits(Exception):
    """A clip that is shorter or longer than the configuration wants; no fault of the file."""


@dataclass(frozen=True)
class Crop:
    """`waveform` `[S]` float32, of which the first `length` samples are speech and the rest zeros."""

    waveform: np.ndarray
    length: int
    name: str


@dataclass(frozen=True)
class Cropper:
    """Cuts clips to one size.

    Attributes:
        samples: size of a crop at 16 kHz.
        train: cut at a random place and repeat short clips up to the size; otherwise cut at the start, and short clips
            are followed by zeros.
        peak_low_db, peak_high_db: the crop's peak is drawn from this range, in dBFS.
        min_seconds, max_seconds: limits for the clip.
        resample: accept other rates than 16 kHz.
    """

    samples: int
    train: bool
    peak_low_db: float
    peak_high_db: float
    min_seconds: float = FEWEST_SAMPLES / SAMPLE_RATE
    max_seconds: float | None = None
    resample: bool = True

    def cut(self, clip: Clip, random: np.random.Generator) -> Crop:
        """Read one crop of a clip.

        Raises:
            AudioError: the recording cannot be used.
            OutsideLimits: it is too short or too long for the configuration.
        """
        self._check_seconds(clip.seconds)
        with opened(clip) as file:
            if file is None:
                waveform = self._cut_decoded(_decode_whole(clip), random)
            else:
                waveform = self._cut_file(clip, file, random)
        waveform = self._scaled(waveform, random)
        length = min(waveform.size, self.samples)
        if waveform.size >= self.samples:
            waveform = waveform[: self.samples]
        elif self.train:
            waveform, length = np.resize(waveform, self.samples), self.samples
        else:
            waveform = np.pad(waveform, (0, self.samples - waveform.size))
        return Crop(np.ascontiguousarray(waveform), length, clip.name)

    def _cut_file(self, clip: Clip, file: soundfile.SoundFile, random: np.random.Generator) -> np.ndarray:
        rate = file.samplerate
        if rate != SAMPLE_RATE and not self.resample:
            raise AudioError(f"{clip.name}: is at {rate} Hz, and `resample` is off")
        first, available = stretch(clip, rate, file.frames)
        self._check_seconds(available / rate)
        needed = min(available, ceil(self.samples * rate / SAMPLE_RATE))
        file.seek(first + self._offset(available - needed, random))
        block = file.read(needed, dtype="float32", always_2d=True)
        if len(block) < needed:
            raise AudioError(f"{clip.name}: ends before its header says; get a complete copy")
        if clip.channel is not None and block.shape[1] > 1:
            if clip.channel >= block.shape[1]:
                raise AudioError(
                    f"{clip.name}: has {block.shape[1]} channels, the list asks for channel {clip.channel}"
                )
            block = block[:, clip.channel]
        return as_mono(block, rate, SAMPLE_RATE, name=clip.name)

    def _cut_decoded(self, waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
        self._check_seconds(waveform.size / SAMPLE_RATE)
        start = self._offset(max(0, waveform.size - self.samples), random)
        return waveform[start : start + self.samples]

    def _offset(self, spare: int, random: np.random.Generator) -> int:
        return int(random.integers(spare + 1)) if self.train else 0

    def _scaled(self, waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
        peak_db = random.uniform(self.peak_low_db, self.peak_high_db)
        peak = float(np.abs(waveform).max())
        return waveform if peak <= SILENCE else waveform * np.float32(10 ** (peak_db / 20) / peak)

    def _check_seconds(self, seconds: float | None) -> None:
        if seconds is None:
            return
        if seconds < self.min_seconds:
            raise OutsideLimits(f"{seconds:.3g} s is shorter than min_seconds ({self.min_seconds:g})")
        if self.max_seconds is not None and seconds > self.max_seconds:
            raise OutsideLimits(f"{seconds:.3g} s is longer than max_seconds ({self.max_seconds:g})")


def check_clip(clip: Clip) -> None:
    """Read the header of a clip's recording, and raise the `AudioError` that reading it would."""
    with opened(clip) as file:
        if file is not None:
            stretch(clip, file.samplerate, file.frames)


@contextmanager
def opened(clip: Clip) -> Iterator[soundfile.SoundFile | None]:
    """Open a clip's recording for reading any part of it; None if that is not possible and all has to be decoded.

    Errors of libsndfile, then and later, become an `AudioError`.
    """
    if isinstance(clip.audio, str) and not os.path.isfile(clip.audio):
        raise AudioError(f"{clip.audio}: no such file")
    try:
        file = soundfile.SoundFile(io.BytesIO(clip.audio) if isinstance(clip.audio, bytes) else clip.audio)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        # TypeError: soundfile takes the suffix .raw for headerless samples and asks for their rate.
        raise AudioError(f"{clip.name}: is damaged, or no audio ({_reason(error)})") from error
    with file:
        try:
            # Seeking in MP3 is inexact, and makes libmpg123 print complaints.
            yield None if file.frames == _UNKNOWN_FRAMES or file.format == "MP3" else file
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(f"{clip.name}: is damaged or cut short ({_reason(error)})") from error


def stretch(clip: Clip, rate: int, frames: int) -> tuple[int, int]:
    """Return the first frame of a clip in a recording of `frames` frames at `rate` Hz, and its number of frames."""
    first = round(clip.start * rate)
    available = frames - first
    if clip.seconds is not None:
        # A tenth of a second: durations in lists are rounded, and by some tools padded to whole frames of features.
        if available < (clip.seconds - 0.1) * rate:
            raise AudioError(
                f"{clip.name}: ends at {frames / rate:.2f} s, the list wants up to {clip.start + clip.seconds:.2f} s"
            )
        available = min(available, round(clip.seconds * rate))
    if available * SAMPLE_RATE < FEWEST_SAMPLES * rate:
        raise AudioError(
            f"{clip.name}: is too short, {max(0, available) / rate:.4f} s; the model needs {FEWEST_SAMPLES} samples at "
            "16 kHz, 0.025 s"
        )
    return first, available


def _decode_whole(clip: Clip) -> np.ndarray:
    if isinstance(clip.audio, str):
        waveform = load_audio(clip.audio)
    else:
        with tempfile.NamedTemporaryFile(suffix=".flac") as copy:
            copy.write(clip.audio)
            copy.flush()
            waveform = load_audio(copy.name)
    first, available = stretch(clip, SAMPLE_RATE, waveform.size)
    return waveform[first : first + available]


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")
