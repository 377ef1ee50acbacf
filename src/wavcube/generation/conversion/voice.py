"""The target's voice: frames of its recordings, their statistics and its range of pitch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.audio.voice_likeness import doubt_of_voice
from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.codec.inputs import gather_speech
from wavcube.errors import AudioError, AudioWarning
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.conversion.matching import Statistics
from wavcube.generation.conversion.speech_frames import LEVEL, frames_of, speech_rms

SHORTEST_S, ENOUGH_S, LONGEST_S = 1.0, 10.0, 300.0
"""Of the target's speech, pauses not counted: less is refused, less gets a warning, more is not read."""

SILENCE = 1e-4
"""Peak (-80 dBFS) below which there is no speech."""


@dataclass
class TargetVoice:
    """A voice made ready: convert as many recordings to it as you like.

    Attributes:
        keys: [N, H] states of the encoder's layer, of unit length.
        latents: [N, C] of the same frames.
        statistics: of the latents.
    """

    keys: Tensor
    latents: Tensor
    statistics: Statistics

    @property
    def seconds(self) -> float:
        """Of speech, pauses not counted."""
        return len(self.latents) / 50


def read_voice(codec: WavCube, recordings: Sequence[Any], sample_rate: int | None, chunking: Chunking) -> TargetVoice:
    """The voice of recordings, which are read one after the other until there are five minutes of speech.

    Raises:
        AudioError: one cannot be read, or there is less than 1 s of speech in all of them.
    """
    keys, latents, missing = [], [], round(LONGEST_S * codec.frame_rate)
    field = codec.config.encoder.receptive_field
    for recording in recordings:
        batch = gather_speech(recording, sample_rate, None, target_rate=SAMPLE_RATE, shortest=field)
        for waveform, length in zip(batch.waveform, batch.lengths.tolist(), strict=True):
            if float(waveform.abs().max()) < SILENCE:
                continue
            own = waveform[:length]
            _warn_if_no_voice(own[: round(LONGEST_S * SAMPLE_RATE)], batch.names[0])
            for piece in frames_of(codec, own, chunking, LEVEL / speech_rms(own)):
                keys.append(F.normalize(piece.states[piece.speech][:missing], dim=-1))
                latents.append(piece.latents[piece.speech][:missing])
                missing -= len(keys[-1])
                if missing <= 0:
                    break
        if missing <= 0:
            break
    frames = sum(map(len, latents))
    seconds = frames / codec.frame_rate
    if seconds < SHORTEST_S:
        raise AudioError(
            f"the target's recordings hold {seconds:.1f} s of speech; at least {SHORTEST_S:g} s are needed, better 30"
        )
    if seconds < ENOUGH_S:
        warnings.warn(
            f"the target's recordings hold only {seconds:.1f} s of speech; with 30 s the voice is nearer",
            AudioWarning,
            stacklevel=3,
        )
    found = torch.cat(latents)
    return TargetVoice(torch.cat(keys), found, Statistics.of(found))


def _warn_if_no_voice(waveform: Tensor, name: str) -> None:
    if len(waveform) < SHORTEST_S * SAMPLE_RATE or float(waveform.abs().max()) < SILENCE:
        return
    doubt = doubt_of_voice(waveform.numpy(), SAMPLE_RATE)
    if doubt is not None:
        warnings.warn(
            f"{name}: likely no clean voice ({doubt}), and nor is what is converted to it", AudioWarning, stacklevel=4
        )
