"""Writing waveforms to files."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from wavcube.audio.samples import as_array, blocks, check_rate, check_samples, count_bad
from wavcube.errors import AudioError
from wavcube.files import atomic_path, reason


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
    check_rate(sample_rate, f"{path}: its rate")
    if sample_rate != int(sample_rate):
        raise AudioError(f"{path}: its rate is {sample_rate} Hz; files have a whole number of samples a second")
    kind = path.suffix.lower()
    if kind not in {".wav", ".flac"}:
        raise AudioError(f"{path}: cannot write '{path.suffix}' files; end the name in .wav or .flac")
    if float32 and kind == ".flac":
        raise AudioError(f"{path}: FLAC holds no float samples; end the name in .wav")
    samples = as_array(waveform, str(path))
    if samples.ndim == 2 and samples.shape[0] == 1:
        samples = samples[0]
    if samples.ndim != 1 or samples.size == 0:
        raise AudioError(f"{path}: one waveform [samples] is written to a file, not shape {list(samples.shape)}")
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(f"{path}: samples to write must be floats in [-1, 1], not {samples.dtype}")
    check_samples(count_bad(samples), 0.0, str(path))
    if not path.parent.is_dir():
        raise AudioError(f"{path}: the folder {path.parent} does not exist; make it first")
    try:
        with atomic_path(path) as temporary:
            # libsndfile does not say that a disk is full: it writes to memory, and Python to the disk.
            content = encoded_audio(samples, int(sample_rate), kind[1:].upper(), comment, float32=float32)
            temporary.write_bytes(content)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be written ({reason(error)})") from error


def read_comment(path: str | os.PathLike[str]) -> str:
    """The comment in a recording's header; empty where there is none, or no recording."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            return file.comment
    except (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError):
        return ""


def encoded_audio(
    waveform: np.ndarray, sample_rate: int, kind: str, comment: str = "", *, float32: bool = False
) -> bytes:
    """The file of a waveform [S] of floats, what lies beyond [-1, 1] clipped, as bytes.

    `kind` is WAV or FLAC; samples are 16-bit integers, or with `float32` floats, in a WAV.
    """
    subtype = "FLOAT" if float32 else "PCM_16"
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", sample_rate, 1, subtype, format=kind) as file:
        if comment:
            file.comment = comment
        for block in blocks(waveform):
            file.write(np.clip(block, -1.0, 1.0).astype(np.float32) if float32 else as_pcm16(block))
    return memory.getvalue()


def as_pcm16(waveform: np.ndarray) -> np.ndarray:
    """A waveform [S] in [-1, 1] as 16-bit integers, what lies beyond clipped."""
    # libsndfile would scale floats by 32767 on writing but by 1/32768 on reading.
    return np.clip(np.rint(waveform * np.float64(32_768)), -32_768, 32_767).astype(np.int16)
