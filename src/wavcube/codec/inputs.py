"""Speech in any form that users pass -> one padded batch [B, S] at the model's rate, with lengths."""

import math
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.audio.io import as_mono, load_audio
from wavcube.errors import AudioError, AudioWarning
from wavcube.files import readable

Speech = Any
"""One recording, a batch [B, S], or a list of recordings of unequal lengths.

A recording is a path; an array or tensor [S]; a pair of an array, of any channels, and its rate in Hz, in either order;
a dictionary with `array` and `sampling_rate`, `bytes` or `path` (as of Hugging Face datasets); the bytes of a file, or
a file open for reading them; or an AudioDecoder of torchcodec. A column of a table (pandas) is a list, or one array.
"""

Report = Callable[[float], None]
"""Takes the share of a piece of work that is done, from 0 to 1."""

QUIET = 10 ** (-55 / 20)
"""Level (root of the mean square, full scale being 1) below which a recording is very quiet: -55 dB.

The packaged model's STOI is 0.92 at -50 dB and 0.85 at -60, and 0.93 at usual levels (four kept-out speakers)."""


@dataclass
class SpeechBatch:
    """waveform [B, S] float32, zeros beyond an item's end; lengths [B] in samples; a name for each item; whether it is
    one recording that was not given as a list or batch."""

    waveform: Tensor
    lengths: Tensor
    names: list[str]
    single: bool = False


def gather_speech(
    speech: Speech,
    sample_rate: int | None,
    lengths: Tensor | Sequence[int] | None,
    names: Sequence[str] | None = None,
    *,
    target_rate: int,
    shortest: int,
    keeps_level: bool = False,
) -> SpeechBatch:
    """One padded batch at `target_rate` Hz of whatever `speech` is.

    Args:
        speech: see `Speech`. A two-dimensional array or tensor is a batch, an item a row; recordings of several
            channels are mixed down when they are read from a path.
        sample_rate: of arrays and tensors, in Hz; a path knows its own.
        lengths: valid samples of each row of a batch.
        names: one an item, for errors; by default its path or its number.
        target_rate: of the result, in Hz.
        shortest: samples at `target_rate` below which a recording is refused.
        keeps_level: whether the model works at the level of the recording; then an `AudioWarning` says where that is
            very low.

    Raises:
        AudioError: see `load_audio` and `as_mono`; and for arrays without a sample rate, lengths or names that do not
            fit, nothing at all, or a recording that is too short.
    """
    waveforms, names, single = _gathered(speech, sample_rate, lengths, names, target_rate, shortest)
    if keeps_level:
        for waveform, name in zip(waveforms, names, strict=True):
            _warn_if_quiet(waveform, name)
    counts = torch.tensor([len(waveform) for waveform in waveforms])
    return SpeechBatch(pad_sequence(waveforms, batch_first=True), counts, names, single)


def _gathered(
    speech: Speech,
    sample_rate: int | None,
    lengths: Tensor | Sequence[int] | None,
    names: Sequence[str] | None,
    target_rate: int,
    shortest: int,
) -> tuple[list[Tensor], list[str], bool]:
    """Waveforms [S], float32, which may share memory with `speech`; their names; and whether they are one recording."""
    if isinstance(speech, np.ndarray) and speech.ndim == 1 and speech.dtype.kind in "UO":  # paths, say
        speech = list(speech)
    if not isinstance(speech, np.ndarray | Tensor) and hasattr(speech, "to_numpy"):  # a column of a table
        column = speech.to_numpy()
        speech = column if column.dtype.kind in "iuf" else list(column)
    single = False
    if lengths is not None or (isinstance(speech, np.ndarray | Tensor) and speech.ndim == 2):
        items = _rows(speech, lengths)
        found = [f"item {i}" for i in range(len(items))]
    elif _is_several(speech):
        items = list(speech)
        found = [_name(item, f"item {i}") for i, item in enumerate(items)]
    else:
        items, single = [speech], True
        found = [_name(speech, "the array" if _is_array(speech) else "the speech")]
    if not items:
        raise AudioError("no speech given: the list or batch is empty")
    names = found if names is None else list(names)
    if len(names) != len(items):
        raise AudioError(f"names must be one an item: {len(names)} names for {len(items)} items")
    waveforms = [_waveform(item, sample_rate, target_rate, name) for item, name in zip(items, names, strict=True)]
    for waveform, name in zip(waveforms, names, strict=True):
        if len(waveform) < shortest:
            raise AudioError(
                f"{name}: has {len(waveform)} samples at {target_rate} Hz; the model needs at least {shortest} "
                f"({1000 * shortest / target_rate:g} ms)"
            )
    return waveforms, names, single


def map_speech(
    function: Callable[[Tensor, Report], np.ndarray],
    speech: Speech,
    sample_rate: int | None,
    *,
    target_rate: int,
    shortest: int,
    progress: Report | None = None,
) -> np.ndarray | list[np.ndarray]:
    """`function` of each recording's waveform [S], each alone: one result for one recording, else a list.

    Args:
        function: leaves the waveform as it is, which may be the caller's; reports how much of it is done.
        progress: takes the share of all recordings, by their lengths, that is done.

    See `gather_speech` for what the others are, and what is raised.
    """
    waveforms, _, single = _gathered(speech, sample_rate, None, None, target_rate, shortest)
    total, before, made = sum(map(len, waveforms)), 0, []
    for waveform in waveforms:

        def report(share: float, first: int = before, size: int = len(waveform)) -> None:
            if progress is not None:
                progress((first + share * size) / total)

        made.append(function(waveform, report))
        report(1.0)
        before += len(waveform)
    return made[0] if single else made


def _is_path(item: Any) -> bool:
    return isinstance(item, str | os.PathLike)


def _is_several(speech: Any) -> bool:
    """Whether this is a list of recordings, and not one (a list of numbers is one, written out, and a pair is one)."""
    return isinstance(speech, list | tuple) and not _is_pair(speech) and not _is_numbers(speech)


def _is_numbers(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) > 0 and isinstance(item[0], int | float)


def _is_array(item: Any) -> bool:
    return _is_numbers(item) or hasattr(item, "__array__") or isinstance(item, Tensor)


def _is_pair(item: Any) -> bool:
    """Whether this is an array and its rate, or the rate and the array (as scipy gives them)."""
    if not isinstance(item, list | tuple) or len(item) != 2:
        return False
    rates = [isinstance(part, Real) and not isinstance(part, bool) for part in item]
    return sum(rates) == 1 and _is_array(item[rates.index(False)])


def _name(item: Any, otherwise: str) -> str:
    """What to call a recording in an error and in the metadata of its latents."""
    if isinstance(item, dict):
        item = item.get("path")
    if _is_path(item):
        return readable(item)
    name: Any = getattr(item, "name", None)
    return readable(name) if hasattr(item, "read") and _is_path(name) else otherwise


def _rows(batch: Any, lengths: Tensor | Sequence[int] | None) -> list[Any]:
    if not isinstance(batch, np.ndarray | Tensor) or batch.ndim != 2:
        raise AudioError("lengths go with a padded batch [batch, samples]; leave them out for anything else")
    count, samples = batch.shape
    if samples < min(count, 100):  # too short at any rate, so most likely the channels of one recording
        raise AudioError(
            f"shape {list(batch.shape)} is a batch of {count} recordings of {samples} samples each; one recording of "
            f"several channels has to be mixed down first, for example with wavcube.audio.as_mono"
        )
    if lengths is None:
        return list(batch)
    counts = [int(length) for length in lengths] if np.ndim(lengths) == 1 else []
    if len(counts) != count:
        raise AudioError(f"lengths must be one number an item: {len(counts)} lengths for a batch of {count} items")
    if any(not 0 < length <= samples for length in counts):
        raise AudioError(f"lengths must be 1 to {samples} (the samples there are), not {counts}")
    return [row[:length] for row, length in zip(batch, counts, strict=True)]


def _waveform(item: Any, sample_rate: int | None, target_rate: int, name: str) -> Tensor:
    """One recording [S] at `target_rate` Hz, in any of the forms that `Speech` names."""
    if _is_path(item) or isinstance(item, bytes | bytearray | memoryview) or hasattr(item, "read"):
        return torch.from_numpy(load_audio(item, target_rate))
    if isinstance(item, dict):
        if item.get("array") is None and item.get("bytes") is not None:
            return torch.from_numpy(load_audio(item["bytes"], target_rate))
        if item.get("array") is None and _is_path(item.get("path")):  # Hugging Face's, without its bytes
            return torch.from_numpy(load_audio(item["path"], target_rate))
        if not {"array", "sampling_rate"} <= item.keys():
            keys = ", ".join(map(str, item)) or "nothing"
            wanted = "'array' and 'sampling_rate', 'bytes' or 'path'"
            raise AudioError(f"{name}: a dictionary of speech has {wanted}, not {keys}")
        return _shared(item["array"], item["sampling_rate"], target_rate, name)
    if hasattr(item, "get_all_samples"):  # an AudioDecoder of torchcodec
        item = item.get_all_samples()
    if hasattr(item, "data") and hasattr(item, "sample_rate"):  # what it gives
        return _shared(item.data, item.sample_rate, target_rate, name)
    if _is_pair(item):
        array, rate = reversed(item) if isinstance(item[0], Real) else item
        return _shared(array, rate, target_rate, name)
    if not _is_array(item):
        raise AudioError(
            f"{name}: a {type(item).__name__} is no speech; give a path, an array, a pair of array and rate, bytes "
            "or a file, or a list of these"
        )
    if sample_rate is None:
        raise AudioError(f"{name}: is an array; say its sample_rate in Hz (the model works at {target_rate} Hz)")
    if np.ndim(item) != 1:
        raise AudioError(
            f"{name}: has shape {list(np.shape(item))}; one recording is [samples], a batch [batch, samples]"
        )
    return _shared(item, sample_rate, target_rate, name)


def _shared(array: Any, sample_rate: int, target_rate: int, name: str) -> Tensor:
    """An array as a waveform [S], see `as_mono`, in the array's own memory where that is possible."""
    waveform = as_mono(array, sample_rate, target_rate, name=name, copy=False)
    return torch.from_numpy(waveform if waveform.flags.writeable else waveform.copy())


def _warn_if_quiet(waveform: Tensor, name: str) -> None:
    """Warn of a recording so quiet that a model that keeps the level was hardly trained on such; not of silence."""
    level = float(waveform.square().mean(dtype=torch.float64).sqrt())
    if 0 < level < QUIET:
        warnings.warn(
            f"{name}: has a level of {20 * math.log10(level):.0f} dB only; below {20 * math.log10(QUIET):.0f} dB this "
            "model reconstructs worse, so make it louder first",
            AudioWarning,
            stacklevel=6,
        )
