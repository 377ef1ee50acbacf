"""From a source's recording to the same words in a target's voice: encode, match, set the pitch, decode."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.codec.inputs import Report, map_speech
from wavcube.codec.pitch_channels import PitchChannels
from wavcube.errors import ConfigError
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.conversion.matching import FRAMES_AT_ONCE, Statistics, VoiceMap, nearest
from wavcube.generation.conversion.speech_frames import LEVEL, frames_of, speech_rms
from wavcube.generation.conversion.voice import SILENCE, TargetVoice, read_voice
from wavcube.generation.regression.decoding import ENCODED, decode_into, peak_of

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

    def convert(
        self,
        speech: Any,
        voice: TargetVoice,
        sample_rate: int | None = None,
        *,
        match: float = MATCH,
        progress: Report | None = None,
    ) -> Any:
        """Convert one or several recordings, each as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            voice: of the target, by `voice`.
            sample_rate: of arrays, in Hz.
            match: 0 for the source's own frames with the target's statistics (words stay as they are), 1 for frames of
                the target that are like the source's (nearer to the voice, more wrong words); between, their mixture.
            progress: called with the share of the work that is done, from 0 to 1.

        Returns:
            A waveform [S] at 16 kHz, float32, of the source's length and level; a list of them for several.

        Raises:
            AudioError: a recording that cannot be used, by name.
            ConfigError: a `match` outside 0 to 1.
        """
        if not 0 <= match <= 1:
            raise ConfigError(f"match is {match}; it lies from 0 to 1")

        def converted(waveform: Tensor, report: Report) -> np.ndarray:
            return self.remade(
                waveform, lambda gain: self.latents(waveform, voice, match, gain=gain, report=report), report
            )

        return map_speech(
            converted,
            speech,
            sample_rate,
            target_rate=self.sample_rate,
            shortest=self.codec.config.encoder.receptive_field,
            progress=progress,
        )

    def remade(self, waveform: Tensor, convert: Callable[[float], Tensor], report: Report) -> np.ndarray:
        """A waveform [S] of the length and level of another [S]; silence stays as it is.

        Args:
            waveform: at 16 kHz.
            convert: gives converted latents [T, C] of it, times a gain that brings its speech to a root mean square
                of 0.1.
            report: hears how much has been decoded, as the last part of the work.
        """
        if peak_of(waveform) < SILENCE:
            return waveform.clone().numpy()
        level = speech_rms(waveform)
        latents, made = convert(LEVEL / level), torch.empty_like(waveform)
        decode_into(made, self.codec, latents, lambda share: report(ENCODED + (1 - ENCODED) * share))
        made *= level / max(speech_rms(made), SILENCE)
        made *= min(1.0, LOUDEST / max(peak_of(made), SILENCE))
        return made.numpy()

    def latents(
        self,
        waveform: Tensor,
        voice: TargetVoice,
        match: float = MATCH,
        *,
        gain: float = 1.0,
        report: Report = lambda share: None,
    ) -> Tensor:
        """Converted latents [T, C], float32, of a waveform [S] at 16 kHz whose speech, times `gain`, has a root mean
        square of 0.1. `report` hears how much has been encoded, as the first part of the work."""
        near, spoken, total = [], [], self.expected_frames(len(waveform))
        latents = torch.empty(total, self.codec.latent_dim)
        for piece in frames_of(self.codec, waveform, self.chunking, gain):
            latents[piece.end - len(piece.latents) : piece.end] = piece.latents
            near.append(nearest(piece.states, voice.keys, NEAREST))  # numbers: as frames they would be as large again
            spoken.append(piece.speech)
            report(ENCODED * piece.end / total)
        chosen, speech = torch.cat(near), torch.cat(spoken)
        log_f0 = self.channels.in_range_of(latents, voice.latents)
        voice_map = VoiceMap.between(Statistics.of(latents, speech), voice.statistics)
        for start in range(0, total, FRAMES_AT_ONCE):
            within = slice(start, start + FRAMES_AT_ONCE)
            source = latents[within]
            # Pauses stay the source's: the target's frames, of speech alone, have none.
            share = match * speech[within, None].float()
            mixed = torch.lerp(voice_map(source), voice.latents[chosen[within]].mean(1), share)
            pitched = source if log_f0 is None else self.channels.write(source, log_f0[2 * start :][: 2 * len(source)])
            latents[within] = self.channels.carry(mixed, pitched)
        return latents
