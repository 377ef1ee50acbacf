"""Any recording -> mono float32 at a given rate: the one place that checks audio.

Reads what libsndfile reads (WAV, FLAC, OGG/Opus, OGG/Vorbis, MP3, AIFF, ...) and arrays of any sample type, at 4 to
192 kHz, with any number of channels (their mean is taken), and resamples with soxr. What comes out is either the whole
recording or an `AudioError` that says what is wrong: a file that was cut short is not read as if it were a shorter one.
"""

import io
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from wavcube.audio.truncation import what_is_missing
from wavcube.errors import AudioError
from wavcube.files import atomic_path, find_files, reason

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"}
    | {".voc", ".sph", ".nist"}
)
"""What counts as audio in a folder. A file that is named itself may have any suffix."""

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
"""The sample rates that are read, in Hz."""

LOUDEST = 100.0
"""Largest magnitude of a float sample (+40 dB over full scale); beyond it these are no samples in [-1, 1]."""

_BLOCK = 1 << 20  # values read at once: bounds the memory whatever a header claims


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a recording says: `frames` samples a channel at `sample_rate` Hz, `seconds` long."""

    sample_rate: int
    channels: int
    frames: int
    seconds: float
    format: str
    subtype: str


def load_audio(path: str | os.PathLike[str], sample_rate: int = 16_000) -> np.ndarray:
    """Read a recording as mono float32 `[S]` at `sample_rate` Hz, full scale being [-1, 1].

    Overshoots of float files, and those that resampling makes near full scale, are kept. A recording of `n` samples a
    channel at rate `r` gives `round(n * sample_rate / r)` samples.

    Raises:
        AudioError: the file is missing, unreadable, not audio, empty, damaged, cut short, at a rate outside 4 to
            192 kHz, or holds NaN or infinite samples.
    """
    path = Path(path)
    _check_rate(sample_rate, "the requested rate")
    with _opened(path) as file:
        _check_rate(file.samplerate, f"{path}: its rate")
        resampler = None
        if file.samplerate != sample_rate:
            resampler = soxr.ResampleStream(file.samplerate, sample_rate, 1, dtype="float32", quality="HQ")
        blocks = []
        bad, peak = 0, 0.0
        for block in _mono_blocks(file, path):
            bad += _count_bad(block)
            peak = max(peak, _peak(block))
            # A resampler that has met NaN gives NaN for ever, so bad files are only counted to their end.
            if not bad:
                blocks.append(resampler.resample_chunk(block) if resampler else block)
        _check_samples(bad, peak, str(path))
        if resampler:
            blocks.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    return _checked_waveform(np.concatenate(blocks), sample_rate, str(path))


def as_mono(array: Any, sample_rate: int, target_rate: int = 16_000, *, name: str = "the array") -> np.ndarray:
    """Turn samples of any type and channel count into mono float32 `[S]` at `target_rate` Hz.

    Args:
        array: `[S]`, `[channels, S]` or `[S, channels]` (the shorter axis is taken for the channels; where both are
            equal, the first). Floats are taken as they are, full scale being [-1, 1]; int8, int16 and int32 are divided
            by their full scale; uint8, uint16 and uint32 have their midpoint as zero. Tensors may be given too.
        sample_rate: of `array`, in Hz.
        target_rate: of the result, in Hz.
        name: what to call the array in an error.

    Raises:
        AudioError: no samples; NaN or infinite samples; a type that is no sample type (bool, complex, int64, whose
            full scale nobody uses); floats that are evidently not in [-1, 1]; a rate outside 4 to 192 kHz.
    """
    _check_rate(sample_rate, f"{name}: its rate")
    _check_rate(target_rate, "the requested rate")
    samples = _as_array(array, name)
    if samples.ndim == 2:
        channel_axis = 0 if samples.shape[0] <= samples.shape[1] else 1
    elif samples.ndim != 1:
        raise AudioError(f"{name}: has shape {list(samples.shape)}; give [samples], or two axes with the channels")
    if samples.size == 0:
        raise AudioError(f"{name}: holds no samples")
    waveform = _as_float(samples, name)
    if samples.ndim == 2:
        waveform = _mixed_down(waveform, channel_axis)
    if sample_rate != target_rate:
        waveform = soxr.resample(waveform, sample_rate, target_rate, quality="HQ")
    return _checked_waveform(waveform, target_rate, name)


def save_audio(
    path: str | os.PathLike[str],
    waveform: Any,
    sample_rate: int = 16_000,
    *,
    float32: bool = False,
    comment: str = "",
) -> None:
    """Write a mono waveform `[S]` (or `[1, S]`, array or tensor) as WAV or FLAC, by the suffix of `path`.

    Samples are 16-bit integers, or float32 in a WAV on request; what lies beyond [-1, 1] is clipped. 16-bit samples
    that were read by `load_audio` are written back bit for bit. A `comment` is kept in the header. The file appears
    whole or not at all.

    Raises:
        AudioError: another suffix, no such folder, no samples or non-finite ones, or a disk that refuses.
    """
    path = Path(path)
    _check_rate(sample_rate, f"{path}: its rate")
    kind = path.suffix.lower()
    if kind not in {".wav", ".flac"}:
        raise AudioError(f"{path}: cannot write '{path.suffix}' files; end the name in .wav or .flac")
    if float32 and kind == ".flac":
        raise AudioError(f"{path}: FLAC holds no float samples; end the name in .wav")
    samples = _as_array(waveform, str(path))
    if samples.ndim == 2 and samples.shape[0] == 1:
        samples = samples[0]
    if samples.ndim != 1 or samples.size == 0:
        raise AudioError(f"{path}: one waveform [samples] is written to a file, not shape {list(samples.shape)}")
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(f"{path}: samples to write must be floats in [-1, 1], not {samples.dtype}")
    _check_samples(_count_bad(samples), 0.0, str(path))
    if not path.parent.is_dir():
        raise AudioError(f"{path}: the folder {path.parent} does not exist; make it first")
    if float32:
        samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    else:
        samples = as_pcm16(samples)
    try:
        with atomic_path(path) as temporary:
            # libsndfile does not say that a disk is full: it writes to memory, and Python to the disk.
            temporary.write_bytes(_encoded(samples, int(sample_rate), kind[1:].upper(), comment))
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be written ({_reason(error)})") from error


def read_comment(path: str | os.PathLike[str]) -> str:
    """The comment in a recording's header; empty where there is none, or no recording."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            return file.comment
    except (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError):
        return ""


def _encoded(samples: np.ndarray, sample_rate: int, kind: str, comment: str) -> bytes:
    """The file of a waveform [S] as bytes."""
    subtype = "FLOAT" if samples.dtype == np.float32 else "PCM_16"
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", sample_rate, 1, subtype, format=kind) as file:
        if comment:
            file.comment = comment
        file.write(samples)
    return memory.getvalue()


def as_pcm16(waveform: np.ndarray) -> np.ndarray:
    """A waveform [S] in [-1, 1] as 16-bit integers, what lies beyond clipped."""
    # libsndfile would scale floats by 32767 on writing but by 1/32768 on reading.
    return np.clip(np.rint(waveform * np.float64(32_768)), -32_768, 32_767).astype(np.int16)


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read the header of a recording.

    Raises:
        AudioError: the file is missing, unreadable, not audio, or its header shows that it was cut short.
    """
    path = Path(path)
    with _opened(path) as file:
        frames = file.frames
        if frames == _UNKNOWN_FRAMES:
            frames = sum(block.size for block in _mono_blocks(file, path))
        seconds = frames / file.samplerate
        return AudioInfo(file.samplerate, file.channels, frames, seconds, file.format, file.subtype)


def find_audio(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Find the recordings that files, folders (searched recursively) and glob patterns name; sorted, each once.

    A file that is named itself is kept whatever its suffix; a folder contributes those of `AUDIO_SUFFIXES`.

    Raises:
        AudioError: something does not exist, or a folder or pattern gives nothing.
    """
    inputs = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [file.path for file in find_files(inputs, AUDIO_SUFFIXES, "audio", AudioError)]


# Reading files

_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number for a FLAC stream whose header leaves the length open


class _SequentialFile(soundfile.SoundFile):
    """A sound file that is only read from its start to its end.

    Without this soundfile seeks after each block, which fails in FLAC streams of unknown length and is inexact in MP3.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording, turning every failure, also those while it is read, into an `AudioError`."""
    if not path.exists():
        raise AudioError(f"{path}: no such file")
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, not a recording")
    if not path.is_file():
        raise AudioError(f"{path}: is not a regular file; save the audio to a file first")
    try:
        with path.open("rb") as raw:
            empty = not raw.read(1)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({_reason(error)})") from error
    if empty:
        raise AudioError(f"{path}: is empty (0 bytes)")
    try:
        file = _SequentialFile(path)
    except (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError) as error:
        # TypeError: soundfile takes the suffix .raw for headerless samples and asks for their rate.
        raise AudioError(f"{path}: is not a recording that can be read, or is damaged; {_convert(path)}") from error
    with file:
        # By suffixes like .vox or .gsm libsndfile guesses at headerless files: any file would pass for audio.
        if file.format == "RAW":
            raise AudioError(f"{path}: has no audio header; {_convert(path)}")
        missing = what_is_missing(path, file)
        if missing:
            raise AudioError(
                f"{path}: was cut short: {missing}; get a complete copy, or to keep what is there {_convert(path)}"
            )
        try:
            yield file
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(f"{path}: is damaged or cut short ({_reason(error)}); get a complete copy") from error


def _mono_blocks(file: soundfile.SoundFile, path: Path) -> Iterator[np.ndarray]:
    """Yield the mean of the channels, block by block; refuse a file that ends before its header says."""
    size = max(1, _BLOCK // file.channels)
    total = 0
    while True:
        block = file.read(size, dtype="float32", always_2d=True)
        total += len(block)
        if len(block):
            yield _mixed_down(block, axis=1)
        if len(block) < size:
            break
    if total == 0:
        raise AudioError(f"{path}: holds no samples")
    if file.frames != _UNKNOWN_FRAMES and total != file.frames:
        raise AudioError(
            f"{path}: was cut short: its header promises {file.frames} samples, {total} are there; "
            f"get a complete copy, or to keep what is there {_convert(path)}"
        )


def _convert(path: Path) -> str:
    return f"convert it first, for example with `ffmpeg -i {shlex.quote(path.name)} speech.wav`"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return reason(error)
    return str(getattr(error, "error_string", error)).rstrip(".")


# Checking samples


def _as_array(array: Any, name: str) -> np.ndarray:
    if hasattr(array, "detach"):  # a tensor, of a torch that need not be imported for this
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() else array
    try:
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AudioError(f"{name}: is not an array of samples ({error})") from error


def _as_float(samples: np.ndarray, name: str) -> np.ndarray:
    """Scale integers of any shape to float32 in [-1, 1); check floats."""
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        _check_samples(_count_bad(samples), _peak(samples), name)
        return samples.astype(np.float32)
    if kind in "iu" and bits <= 32:
        full_scale = 2.0 ** (bits - 1)
        midpoint = full_scale if kind == "u" else 0.0
        return ((samples.astype(np.float64) - midpoint) / full_scale).astype(np.float32)
    raise AudioError(f"{name}: {samples.dtype} is no type of samples; give floats in [-1, 1] or 8 to 32-bit integers")


def _mixed_down(samples: np.ndarray, axis: int) -> np.ndarray:
    if samples.shape[axis] == 1:
        return samples.take(0, axis)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf; checked afterwards
        return samples.mean(axis=axis, dtype=np.float32)


def _count_bad(samples: np.ndarray) -> int:
    return samples.size - int(np.isfinite(samples).sum())


def _peak(samples: np.ndarray) -> float:
    return max(float(samples.max()), -float(samples.min()))


def _check_rate(rate: int, what: str) -> None:
    if not isinstance(rate, Real) or isinstance(rate, bool):
        raise AudioError(f"{what} is not known ({rate!r}); give it in Hz")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(f"{what} is {rate} Hz; rates from {LOWEST_RATE} to {HIGHEST_RATE} Hz are supported")


def _check_samples(bad: int, peak: float, name: str) -> None:
    """Refuse a number of `bad` (non-finite) samples, or a `peak` that no samples in [-1, 1] have."""
    if bad:
        raise AudioError(f"{name}: {bad} of its samples {'is' if bad == 1 else 'are'} NaN or infinite; remove them")
    if peak > LOUDEST:
        raise AudioError(f"{name}: has float samples up to {peak:g}; divide them by their full scale, to [-1, 1]")


def _checked_waveform(waveform: np.ndarray, sample_rate: int, name: str) -> np.ndarray:
    if waveform.size == 0:
        raise AudioError(f"{name}: is shorter than one sample at {sample_rate} Hz")
    return np.ascontiguousarray(waveform)
