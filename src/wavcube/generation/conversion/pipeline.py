"""From a source's recording to the same words in a target's voice: encode, match, set the pitch, decode."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.codec.inputs import map_speech
from wavcube.codec.pitch_channels import PitchChannels
from wavcube.errors import ConfigError
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.conversion.matching import Statistics, nearest_frames, with_statistics
from wavcube.generation.conversion.speech_frames import LEVEL, frames_of, speech_rms
from wavcube.generation.conversion.voice import SILENCE, TargetVoice, read_voice

CHUNKING = Chunking(above=30.0, chunk=20.0, context=2.0)
"""Longer recordings are encoded in pieces: how long these are, and how much is encoded beyond both of their ends."""

NEAREST = 4
"""Of the target's frames whose mean a frame is made of."""

LOUDEST = 0.99
"""Peak beyond which a result gets quieter than its source instead of being clipped."""

MATCH = 0.5
"""Share of the target's own frames in the result by default, see `VoiceConverter.convert`."""


class VoiceConverter:
    """A WavCube whose latents are converted. Nothing is trained.

    Converting to a voice needs the consent of the person whose voice it is.

    Args:
        codec: encoder and decoder; its latent keeps pitch in channels of its own, as wavcube-nano's does.

    Attributes:
        chunking: when and how long recordings are cut.

    Raises:
        ConfigError: the latent has no channels of pitch.
    """

    sample_rate = SAMPLE_RATE
    """Hz, of what comes out."""

    def __init__(self, codec: WavCube) -> None:
        self.codec, self.chunking, self.channels = codec, CHUNKING, PitchChannels(codec)

    @classmethod
    def from_pretrained(cls, codec: str | Path | None = None, *, device: str | torch.device = "cpu") -> Self:
        """A converter on a WavCube: a folder or hub id; None for the packaged model.

        Raises:
            CheckpointError: no such WavCube.
            ConfigError: one whose latent has no channels of pitch.
        """
        return cls(WavCube.from_pretrained(codec, device=device))

    @property
    def precision(self) -> str:
        """What is computed in."""
        return self.codec.precision

    def expected_frames(self, samples: int) -> int:
        """Frames of a recording of so many samples at 16 kHz."""
        return self.codec.expected_frames(samples)

    def weights_fingerprint(self) -> str:
        """Names the weights of the WavCube."""
        return self.codec.weights_fingerprint()

    def voice(self, recordings: Any, sample_rate: int | None = None) -> TargetVoice:
        """The voice of one or several recordings of a target.

        Args:
            recordings: whatever `WavCube.encode` takes. 1 s of speech is the least, below 10 s a warning says that more
                is better, and beyond five minutes nothing is read.
            sample_rate: of arrays, in Hz.

        Raises:
            AudioError: a recording that cannot be used, or too little speech.
        """
        listed = recordings if isinstance(recordings, list) else [recordings]
        return read_voice(self.codec, listed, sample_rate, self.chunking)

    def convert(self, speech: Any, voice: TargetVoice, sample_rate: int | None = None, *, match: float = MATCH) -> Any:
        """Convert one or several recordings, each as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            voice: of the target, by `voice`.
            sample_rate: of arrays, in Hz.
            match: 0 for the source's own frames with the target's statistics (words stay as they are), 1 for frames of
                the target that are like the source's (nearer to the voice, more wrong words); between, their mixture.

        Returns:
            A waveform [S] at 16 kHz, float32, of the source's length and level; a list of them for several.

        Raises:
            AudioError: a recording that cannot be used, by name.
            ConfigError: a `match` outside 0 to 1.
        """
        if not 0 <= match <= 1:
            raise ConfigError(f"match is {match}; it lies from 0 to 1")
        return map_speech(
            lambda waveform: self.remade(waveform, lambda source: self.latents(source, voice, match)),
            speech,
            sample_rate,
            target_rate=self.sample_rate,
            shortest=self.codec.config.encoder.receptive_field,
        )

    def remade(self, waveform: Tensor, convert: Callable[[Tensor], Tensor]) -> np.ndarray:
        """A waveform [S] of the length and level of another [S]; silence stays as it is.

        Args:
            waveform: at 16 kHz.
            convert: gives converted latents [T, C] of it, once its speech has a root mean square of 0.1.
        """
        if float(waveform.abs().max()) < SILENCE:
            return waveform.numpy()
        level = speech_rms(waveform)
        latents = convert(waveform * (LEVEL / level))
        made = self.codec.decode(latents[None], len(waveform))[0].float().cpu()
        made = made * (level / max(speech_rms(made), SILENCE))
        return (made * min(1.0, LOUDEST / max(float(made.abs().max()), SILENCE))).numpy()

    def latents(self, waveform: Tensor, voice: TargetVoice, match: float = MATCH) -> Tensor:
        """Converted latents [T, C], float32, of a waveform [S] at 16 kHz whose speech has a root mean square of 0.1."""
        own, near, speech = [], [], []
        for piece in frames_of(self.codec, waveform, self.chunking):
            own.append(piece.latents)
            near.append(nearest_frames(piece.states, voice.keys, voice.latents, NEAREST))
            speech.append(piece.speech)
        latents = torch.cat(own)
        spoken = latents[torch.cat(speech)]
        # Pauses stay the source's: the target's frames, of speech alone, have none.
        shared = with_statistics(latents, Statistics.of(spoken), voice.statistics)
        mixed = torch.lerp(shared, torch.cat(near), match * torch.cat(speech)[:, None].float())
        return self.channels.carry(mixed, self.channels.like(latents, voice.latents))
