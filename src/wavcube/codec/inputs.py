"""What users hand over as speech -> one padded batch [B, S] at the model's rate, with lengths."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.audio.io import as_mono, load_audio
from wavcube.errors import AudioError

Speech = Any
"""A path, an array or tensor [S], a batch [B, S], or a list of paths and arrays [S] of unequal lengths."""


@dataclass
class SpeechBatch:
    """waveform [B, S] float32, zeros beyond an item's end; lengths [B] in samples; a name for each item."""

    waveform: Tensor
    lengths: Tensor
    names: list[str]


def gather_speech(
    speech: Speech, sample_rate: int | None, lengths: Tensor | Sequence[int] | None, *, target_rate: int, shortest: int
) -> SpeechBatch:
    """One padded batch at `target_rate` Hz of whatever `speech` is.

    Args:
        speech: see `Speech`. A two-dimensional array or tensor is a batch, an item a row; recordings of several
            channels are mixed down when they are read from a path.
        sample_rate: of arrays and tensors, in Hz; a path knows its own.
        lengths: valid samples of each row of a batch.
        target_rate: of the result, in Hz.
        shortest: samples at `target_rate` below which a recording is refused.

    Raises:
        AudioError: see `load_audio` and `as_mono`; and for arrays without a sample rate, lengths that do not fit,
            nothing at all, or a recording that is too short.
    """
    if lengths is not None or (isinstance(speech, np.ndarray | Tensor) and speech.ndim == 2):
        items, names = _rows(speech, lengths), None
    elif _is_several(speech):
        items, names = list(speech), None
    else:
        items, names = [speech], [str(speech) if _is_path(speech) else "the array"]
    if not items:
        raise AudioError("no speech given: the list or batch is empty")
    names = names or [str(item) if _is_path(item) else f"item {i}" for i, item in enumerate(items)]
    waveforms = [_waveform(item, sample_rate, target_rate, name) for item, name in zip(items, names, strict=True)]
    for waveform, name in zip(waveforms, names, strict=True):
        if len(waveform) < shortest:
            raise AudioError(
                f"{name}: has {len(waveform)} samples at {target_rate} Hz; the model needs at least {shortest} "
                f"({1000 * shortest / target_rate:g} ms)"
            )
    return SpeechBatch(
        pad_sequence(waveforms, batch_first=True), torch.tensor([len(waveform) for waveform in waveforms]), names
    )


def _is_path(item: Any) -> bool:
    return isinstance(item, str | os.PathLike)


def _is_several(speech: Any) -> bool:
    """Whether this is a list of recordings, and not one (a list of numbers is one, written out)."""
    return isinstance(speech, list | tuple) and not (len(speech) > 0 and isinstance(speech[0], int | float))


def _rows(batch: Any, lengths: Tensor | Sequence[int] | None) -> list[Any]:
    if not isinstance(batch, np.ndarray | Tensor) or batch.ndim != 2:
        raise AudioError("lengths go with a padded batch [batch, samples]; leave them out for anything else")
    count, samples = batch.shape
    if samples < min(count, 100):  # too short at any rate, so most likely the channels of one recording
        raise AudioError(
            f"shape {list(batch.shape)} is a batch of {count} recordings of {samples} samples each; one recording of "
            f"several channels has to be mixed down first, for example with wavcube.audio.io.as_mono"
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
    if _is_path(item):
        return torch.from_numpy(load_audio(item, target_rate))
    if sample_rate is None:
        raise AudioError(f"{name}: is an array; say its sample_rate in Hz (the model works at {target_rate} Hz)")
    if np.ndim(item) != 1:
        raise AudioError(
            f"{name}: has shape {list(np.shape(item))}; one recording is [samples], a batch [batch, samples]"
        )
    return torch.from_numpy(as_mono(item, sample_rate, target_rate, name=name))
