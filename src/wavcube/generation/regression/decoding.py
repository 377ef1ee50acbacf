"""Latents -> a waveform whose memory is there already, as hours of speech leave no room for a second one."""

import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.inputs import Report

ENCODED = 0.8
"""Share of a tool's work that is done once a recording is encoded and its latents are changed; then it is decoded."""


def decode_into(waveform: Tensor, codec: WavCube, latents: Tensor, report: Report) -> None:
    """Fill a waveform [S], float32 on the CPU, with what `codec` makes of latents [T, C]; zeros beyond their end."""
    place = 0
    for piece in codec.decode_pieces(latents):
        kept = piece[: len(waveform) - place]
        waveform[place : place + len(kept)] = kept
        place += len(kept)
        report(place / len(waveform))
    waveform[place:] = 0.0


def peak_of(waveform: Tensor) -> float:
    """The largest magnitude in a waveform [S], without a copy of it."""
    low, high = torch.aminmax(waveform)
    return max(float(high), -float(low))
