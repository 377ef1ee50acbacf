"""Padded batches on the tensor path: what they have to be, and cut to what of them is valid."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.errors import AudioError, LatentsError

TensorPath = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""A padded batch and the valid lengths [B] of its items (None: all) to another batch and its lengths."""


def checked_waveforms(waveform: Tensor, lengths: Tensor | None, shortest: int) -> tuple[Tensor, Tensor | None]:
    """A batch [B, S] and its lengths, cropped; each item has `shortest` samples or more.

    Raises:
        AudioError: the shape, the type or the lengths are not those of such a batch.
    """
    if fault := _fault(waveform, lengths, 2, shortest):
        raise AudioError(f"a waveform is floats [batch, samples] of at least {shortest} samples; {fault}")
    return cropped(waveform, lengths)


def checked_latents(values: Tensor, lengths: Tensor | None, width: int) -> tuple[Tensor, Tensor | None]:
    """A batch [B, T, width] and its lengths, cropped; each item has a frame or more.

    Raises:
        LatentsError: the shape, the type or the lengths are not those of such a batch.
    """
    fault = _fault(values, lengths, 3, 1)
    if not fault and values.shape[2] != width:
        fault = f"these are {values.shape[2]} wide"
    if fault:
        raise LatentsError(f"latents of this model are floats [batch, frames, {width}]; {fault}")
    return cropped(values, lengths)


def _fault(values: Tensor, lengths: Tensor | None, dimensions: int, shortest: int) -> str:
    """What is wrong with a padded batch [B, N, ...] and the valid lengths [B] of its items; "" if nothing is."""
    if values.dim() != dimensions or not values.is_floating_point() or not len(values):
        return f"this is {values.dtype} {list(values.shape)}"
    if lengths is None:
        return "" if values.shape[1] >= shortest else f"this is {list(values.shape)}"
    if lengths.shape != values.shape[:1] or lengths.is_floating_point():
        return f"lengths are one integer an item, not {lengths.dtype} {list(lengths.shape)}"
    least, most = torch.stack(lengths.aminmax()).tolist()
    return (
        "" if shortest <= least and most <= values.shape[1] else f"lengths are {least} to {most} of {values.shape[1]}"
    )


def counts_of(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Valid lengths [B] of a batch [B, N, ...]: `lengths`, or N of every item where there are none."""
    return values.new_full((len(values),), values.shape[1], dtype=torch.int64) if lengths is None else lengths


def cropped(values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A batch [B, N, ...] as long as its longest item, with zeros beyond the ends of the others."""
    if lengths is None:
        return values, None
    lengths = lengths.to(values.device)
    values = values[:, : int(lengths.max())]
    return zero_beyond(values, length_mask(lengths, values.shape[1])), lengths


def trimmed(values: Tensor, counts: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Results [B, M, ...] cropped to `counts` [B]; where nothing was padded (`lengths` None) they are so already."""
    return (values, counts) if lengths is None else (cropped(values, counts)[0], counts)


def one_by_one(path: TensorPath, batch: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """What `path` gives for a batch, from each of its items in a call of its own."""
    rows = batch.split(1)
    each = [None] * len(rows) if lengths is None else lengths.split(1)
    results = [path(row, n) for row, n in zip(rows, each, strict=True)]
    return pad_sequence([values[0] for values, _ in results], batch_first=True), torch.cat([n for _, n in results])
