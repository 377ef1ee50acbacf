"""Voice conversion by text to speech: a source's phonemes, at the source's own times, said in a target's voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.inputs import gather_speech
from wavcube.errors import AudioError, CheckpointError
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.conversion.matching import Statistics, VoiceMap
from wavcube.generation.conversion.pipeline import VoiceConverter
from wavcube.generation.conversion.speech_frames import frames_of
from wavcube.generation.conversion.timed_text import TimedText
from wavcube.generation.conversion.voice import SILENCE, TargetVoice
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.durations.saved_aligner import SavedAligner
from wavcube.generation.tts.model import PACKAGED, SynthesisRequest
from wavcube.generation.tts.pieces import PIECE_S
from wavcube.generation.tts.pipeline import TextToSpeech
from wavcube.generation.tts.prompt import Voice
from wavcube.generation.tts.text.frontend import TextError
from wavcube.hashing import digest, fingerprint_tensors

if TYPE_CHECKING:
    from wavcube.evaluation.asr import ASRModel

LONGEST_S = 60.0
"""Of a source: the memory of its alignment grows with the square of its length."""

PROMPT_S = 20.0
"""So much of the target's recordings, one behind the other, is read for the prompt, which is then made shorter."""


@dataclass
class FlowVoice:
    """A voice made ready: convert as many recordings to it as you like.

    Attributes:
        prompt: the beginning of its recordings, for the text-to-speech model.
        target: all of them.
    """

    prompt: Voice
    target: TargetVoice


class FlowVoiceConverter:
    """A text-to-speech model that says a recording's words anew, each phoneme when the recording says it.

    Converting to a voice needs the consent of the person whose voice it is.

    Args:
        speaker: aligns its text by duration, on latents of a WavCube that keep pitch in channels of their own; its ASR
            model reads sources that come without text.
        aligner: of its vocabulary.

    Raises:
        CheckpointError: the model is of another kind.
        ConfigError: the latent has no channels of pitch.
    """

    sample_rate = SAMPLE_RATE
    """Hz, of what comes out."""

    def __init__(self, speaker: TextToSpeech, aligner: SavedAligner) -> None:
        extractor = speaker.representation.extractor
        if not isinstance(extractor, WavCubeExtractor) or speaker.model.duration_predictor is None:
            raise CheckpointError(
                "conversion needs a text-to-speech model on latents of a WavCube, with text_alignment: duration"
            )
        self.speaker, self.aligner = speaker, aligner
        self.statistical = VoiceConverter(extractor.model)
        self.chunking = self.statistical.chunking

    @classmethod
    def from_pretrained(
        cls, folder: str | Path | None = None, *, asr: "ASRModel | None" = None, device: str | torch.device = "cpu"
    ) -> Self:
        """A converter of a text-to-speech model's folder with an aligner in it; None for the packaged model.

        Args:
            folder: of the model.
            asr: see `load_asr` in wavcube.evaluation.asr; None asks for the text of every source.
            device: where to compute.

        Raises:
            CheckpointError: no such model, or one without an aligner.
            ConfigError: one on latents without channels of pitch.
        """
        speaker = TextToSpeech.from_pretrained(folder, asr=asr, device=device)
        return cls(speaker, SavedAligner.load(folder or PACKAGED, speaker.model.vocabulary))

    def optimize(self, dtype: torch.dtype = torch.float32) -> Self:
        """Prepare the text-to-speech model for fast inference, in place; see `TextToSpeech.optimize`."""
        self.speaker.optimize(dtype)
        return self

    @property
    def precision(self) -> str:
        """What is computed in."""
        return self.statistical.precision

    def expected_frames(self, samples: int) -> int:
        """Frames of a recording of so many samples at 16 kHz."""
        return self.statistical.expected_frames(samples)

    def weights_fingerprint(self) -> str:
        """Names the weights of all that takes part."""
        aligner = fingerprint_tensors({"mean": self.aligner.mean, "variance": self.aligner.variance})
        return digest(" ".join([self.speaker.fingerprint, self.statistical.weights_fingerprint(), aligner]))

    def voice(self, recordings: Any, sample_rate: int | None = None) -> FlowVoice:
        """The voice of one or several recordings of a target; see `VoiceConverter.voice`."""
        target = self.statistical.voice(recordings, sample_rate)
        waveforms: list[Tensor] = []
        for recording in recordings if isinstance(recordings, list) else [recordings]:
            batch = gather_speech(recording, sample_rate, None, target_rate=SAMPLE_RATE, shortest=1)
            waveforms += [one[:n] for one, n in zip(batch.waveform, batch.lengths.tolist(), strict=True)]
            if sum(map(len, waveforms)) > PROMPT_S * SAMPLE_RATE:
                break
        beginning = torch.cat(waveforms)[: round(PROMPT_S * SAMPLE_RATE)]
        return FlowVoice(self.speaker.voice(beginning.numpy(), sample_rate=SAMPLE_RATE), target)

    def convert(
        self,
        speech: Any,
        voice: FlowVoice,
        sample_rate: int | None = None,
        *,
        text: str | Sequence[str] | None = None,
        seed: int = 0,
        solver: SolverSettings | None = None,
    ) -> Any:
        """Convert one or several recordings, each as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            voice: of the target, by `voice`.
            sample_rate: of arrays, in Hz.
            text: what the recording says, or a list of texts for several; None lets the ASR model read it.
            seed: of the noise that speech is made from.
            solver: how it is made; 16 Euler steps with guidance 2 by default.

        Returns:
            A waveform [S] at 16 kHz, float32, of the source's length and level; a list of them for several.

        Raises:
            AudioError: a recording that cannot be used, by name, or one above 60 s.
            TextError: there is no text and nobody to read it, or the text does not fit the recording.
        """
        field = self.statistical.codec.config.encoder.receptive_field
        batch = gather_speech(speech, sample_rate, None, target_rate=SAMPLE_RATE, shortest=field)
        texts = [text] if text is None or isinstance(text, str) else list(text)
        if text is None:
            texts *= len(batch.names)
        if len(texts) != len(batch.names):
            raise TextError(f"{len(texts)} texts for {len(batch.names)} recordings")
        made = [
            self._converted(waveform[:length].float(), name, voice, said, seed, solver or SolverSettings())
            for waveform, length, name, said in zip(
                batch.waveform, batch.lengths.tolist(), batch.names, texts, strict=True
            )
        ]
        return made[0] if batch.single else made

    def _converted(
        self, waveform: Tensor, name: str, voice: FlowVoice, text: str | None, seed: int, solver: SolverSettings
    ) -> np.ndarray:
        if len(waveform) > LONGEST_S * SAMPLE_RATE:
            raise AudioError(
                f"{name}: lasts {len(waveform) / SAMPLE_RATE:.0f} s; conversion by text takes at most {LONGEST_S:g} s, "
                "so cut it between sentences"
            )
        if float(waveform.abs().max()) < SILENCE:
            return waveform.numpy()
        timed = self._timed(waveform, name, self._text(waveform, name, text))
        return self.statistical.remade(
            waveform, lambda gain: self._latents(waveform, gain, timed, voice, seed, solver), lambda share: None
        )

    def _text(self, waveform: Tensor, name: str, text: str | None) -> str:
        if text is not None:
            return text
        if self.speaker.asr is None:
            raise TextError(f"{name}: say what it says (--text), or name an ASR model that reads it (--asr)")
        language = self.speaker.model.language.partition("-")[0] or "en"
        return self.speaker.asr.transcribe(waveform.numpy(), language)

    def _timed(self, waveform: Tensor, name: str, text: str) -> TimedText:
        """The tokens of a text with the frames at which they end in a waveform [S]."""
        token_ids = self.speaker.model.token_ids(self.speaker.prepare(text).text)
        seconds = self.aligner.ends(waveform, token_ids)
        if seconds is None:
            raise TextError(f"{name}: is too short for its text; give the text of this recording alone")
        frames = self.expected_frames(len(waveform))
        ends = (seconds * self.statistical.codec.frame_rate).clamp_max(frames)
        ends[-1] = frames
        return TimedText(token_ids, ends)

    def _latents(
        self, source: Tensor, gain: float, timed: TimedText, voice: FlowVoice, seed: int, solver: SolverSettings
    ) -> Tensor:
        """Converted latents [T, C], float32, of a waveform [S] at 16 kHz whose speech, times `gain`, has a root mean
        square of 0.1."""
        codec, channels = self.statistical.codec, self.statistical.channels
        pieces = list(frames_of(codec, source, self.chunking, gain))
        latents, speech = torch.cat([one.latents for one in pieces]), torch.cat([one.speech for one in pieces])
        made = self._generated(timed, voice.prompt, seed, solver)
        voice_map = VoiceMap.between(Statistics.of(made, speech), voice.target.statistics)
        return channels.carry(voice_map(made), channels.like(latents, voice.target.latents))

    def _generated(self, timed: TimedText, prompt: Voice, seed: int, solver: SolverSettings) -> Tensor:
        """Frames [T, C] of a text, piece by piece, on the CPU."""
        model = self.speaker.model
        room = round(PIECE_S * model.config.representation.frame_rate) - len(prompt.frames)
        requests = [
            SynthesisRequest(prompt.frames, one.token_ids, one.frames, seed + number, ends=one.ends)
            for number, one in enumerate(timed.pieces(model.vocabulary.pauses, room))
        ]
        return torch.cat([model.generate([request], solver)[0].cpu() for request in requests])
