"""A clip -> `crop_samples` of 16 kHz audio, decoding only what is needed."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import soundfile

from wavcube.audio.io import as_mono, audio_info
from wavcube.data.clip import Clip, load_whole, opened, read_block, stretch
from wavcube.errors import AudioError

SAMPLE_RATE = 16_000
FEWEST_SAMPLES = 400
"""What the speech encoder needs for its first frame."""

SILENCE = 1e-4
"""A crop whose peak is lower (-80 dBFS) is left as it is: scaling it would turn dither into loud noise."""


class OutsideLimits(Exception):
    """A clip that is shorter or longer than the configuration allows; no fault of the file."""


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
                waveform = self._cut_decoded(_decoded(clip), random)
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
        first, available = _usable(clip, rate, file.frames)
        self._check_seconds(available / rate)
        needed = min(available, ceil(self.samples * rate / SAMPLE_RATE))
        first += self._offset(available - needed, random)
        return as_mono(read_block(clip, file, first, needed), rate, SAMPLE_RATE, name=clip.name)

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
            _usable(clip, file.samplerate, file.frames)
            return
    info = audio_info(clip.path if clip.audio is None else clip.audio)
    _usable(clip, info.sample_rate, info.frames)


def _usable(clip: Clip, rate: int, frames: int) -> tuple[int, int]:
    """As `stretch`; too few samples for the model are an `AudioError`."""
    first, available = stretch(clip, rate, frames)
    if available * SAMPLE_RATE < FEWEST_SAMPLES * rate:
        raise AudioError(
            f"{clip.name}: is too short, {available / rate:.4f} s; the model needs {FEWEST_SAMPLES} samples at "
            "16 kHz, 0.025 s"
        )
    return first, available


def _decoded(clip: Clip) -> np.ndarray:
    waveform = load_whole(clip, SAMPLE_RATE)
    first, available = _usable(clip, SAMPLE_RATE, waveform.size)
    return waveform[first : first + available]
