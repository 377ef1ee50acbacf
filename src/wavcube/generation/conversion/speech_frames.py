"""Frames of a recording as conversion uses them: latents, an inner layer of the encoder, and where speech is."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.conversion.matching import FRAMES_AT_ONCE

LAYER = 2 / 3
"""Of the encoder's depth, whose states are compared: layer 4 of 6 of a Whisper base. Its last layer is worse by far, as
neighbouring frames are alike in it."""

SPEECH_DB = -40.0
"""Frames below this, from the loudest, are pauses."""

LEVEL = 0.1
"""Root mean square that speech is brought to before it is encoded: a latent's statistics depend on it."""


@dataclass
class SpeechFrames:
    """Frames of a piece of a recording.

    Attributes:
        end: the frame of the recording after its last.
        latents: [T, C].
        states: [T, H] of the encoder's layer.
        speech: [T], true where it is no pause.
    """

    end: int
    latents: Tensor
    states: Tensor
    speech: Tensor


def frames_of(codec: WavCube, waveform: Tensor, chunking: Chunking, gain: float) -> Iterator[SpeechFrames]:
    """Frames of a waveform [S] at 16 kHz, times `gain`, in pieces of a bounded length."""
    hop, field = codec.hop_length, codec.config.encoder.receptive_field
    total = codec.expected_frames(len(waveform))
    speech = speech_mask(waveform, total)
    layer = round(LAYER * codec.config.encoder.layers)
    core, context = total, 0
    if chunking.applies(len(waveform) / SAMPLE_RATE):
        core, context = (round(s * codec.frame_rate) for s in (chunking.chunk, chunking.context))
    for start in range(0, total, core):
        end = min(total, start + core)
        first, last = max(0, start - context), min(total, end + context)
        piece = waveform[None, hop * first : len(waveform) if last == total else hop * (last - 1) + field]
        with torch.no_grad():
            latents, states, _ = codec.latents_and_states((piece * gain).to(codec.device), None)
        inside = slice(start - first, end - first)
        yield SpeechFrames(
            end,
            latents[0, inside].float().cpu(),
            states[min(layer, len(states) - 1)][0, inside].float().cpu(),
            speech[start:end],
        )


def speech_mask(waveform: Tensor, frames: int) -> Tensor:
    """[frames], true where a frame of 20 ms is less than 40 dB below the loudest."""
    power = _power(waveform, frames)
    return power > power.max() * 10 ** (SPEECH_DB / 10)


def speech_rms(waveform: Tensor) -> float:
    """Root mean square of a waveform [S] where it is no pause; 0 for silence."""
    power = _power(waveform, len(waveform) // 320)
    speech = power > power.max() * 10 ** (SPEECH_DB / 10)
    return float(power[speech].mean().sqrt()) if speech.any() else 0.0


def _power(waveform: Tensor, frames: int) -> Tensor:
    blocks = waveform.split(320 * FRAMES_AT_ONCE)
    return torch.cat([F.avg_pool1d(block[None].square(), 320, 320, ceil_mode=True)[0] for block in blocks])[:frames]
