"""`TextToSpeech`: texts spoken in the voice of a prompt. The class that users import."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from wavcube.audio.io import save_audio
from wavcube.codec.inference.onednn_linear import PackedLinear
from wavcube.data.bucketing import batches_by_length
from wavcube.errors import CheckpointError
from wavcube.generation.flow.feature_codec import FeatureCodec, check_fingerprint, load_feature_codec
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.durations.text_duration import prompt_rate
from wavcube.generation.tts.joining import joined, with_pause
from wavcube.generation.tts.loudness import at_level
from wavcube.generation.tts.model import PACKAGED, FlowMatchingTTS
from wavcube.generation.tts.pieces import Manner, Piece, plan_pieces
from wavcube.generation.tts.prompt import Voice, check_prompt_text, read_prompt, trim
from wavcube.generation.tts.text.frontend import TextError
from wavcube.generation.tts.text.script import SpokenText, prepare_text
from wavcube.hashing import fingerprint_module

if TYPE_CHECKING:
    from wavcube.evaluation.asr import ASRModel

logger = logging.getLogger(__name__)

CONTEXT_S = 0.5
"""So much of the prompt is decoded again before the new speech, which then does not begin out of nothing."""

BATCH_S = {"cpu": 40.0, "cuda": 600.0}
"""Speech with prompts that is generated at once, padding included."""

MARGIN_S = 0.08
"""Silence that is left at the ends of a piece."""

FORM = 3
"""Of what is made of a model's frames (pitch, loudness, edges, pauses, text), so that older results are made anew."""


@dataclass
class Speech:
    """What was spoken.

    Attributes:
        waveform: [S] float32 in [-1, 1].
        sample_rate: in Hz.
        text: what it was to say.
        spoken: that text in words, without what cannot be said.
    """

    waveform: np.ndarray
    sample_rate: int
    text: str
    spoken: str = ""

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a WAV or FLAC file, by the suffix."""
        save_audio(path, self.waveform, self.sample_rate)


class TextToSpeech:
    """A model, the representation that it makes, and who reads prompts that come without their text.

    Cloning a voice needs the consent of the person whose voice it is.

    Args:
        model: trained on the frames of `representation`.
        representation: the way from frames to speech and back.
        asr: reads prompts without text; None asks for the text.

    Raises:
        CheckpointError: the model was trained on another representation.
    """

    def __init__(self, model: FlowMatchingTTS, representation: FeatureCodec, asr: "ASRModel | None" = None) -> None:
        check_fingerprint(model.config.representation, representation.extractor)
        self.model, self.representation, self.asr = model, representation, asr
        self.sample_rate = model.config.representation.sample_rate
        self._weights = ""  # their fingerprint, where `optimize` has changed them

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path | None = None,
        *,
        representation: str | None = None,
        vocoder: str | None = None,
        asr: "ASRModel | None" = None,
        device: str | torch.device = "cpu",
    ) -> Self:
        """Load a model's folder, or that of its training run.

        Args:
            folder: None for the packaged model.
            representation: where the representation lies that it was trained on, if not where the model remembers.
            vocoder: see `load_feature_codec`.
            asr: see `load_asr` in wavcube.evaluation.asr.
            device: where to compute.

        Raises:
            CheckpointError: no such model or representation, or they do not belong together.
        """
        if folder is None and not PACKAGED.is_dir():
            raise CheckpointError("no trained text-to-speech model is packaged yet; name a model's folder (--model)")
        model = FlowMatchingTTS.from_pretrained(folder or PACKAGED, device)
        spec = representation or model.config.representation.spec
        return cls(model, load_feature_codec(spec, device, vocoder), asr)

    @property
    def fingerprint(self) -> str:
        """Names what decides about the speech, but for the solver: weights, type of computing, representation."""
        weights = self._weights or fingerprint_module(self.model)
        return f"{weights} {self.model.dtype} {self.representation.extractor.fingerprint}"

    def optimize(self, dtype: torch.dtype = torch.float32) -> Self:
        """Prepare the model for fast inference, in place; it can no longer be trained or saved.

        Args:
            dtype: of the transformer: float32 (on a CPU its weights are laid out anew, the numbers stay within 1e-5
                relative L2), or bfloat16, which is faster where the hardware has it. The representation stays float32.
        """
        self._weights = fingerprint_module(self.model)
        self.model.requires_grad_(False)
        self.model.text.to(dtype)
        self.model.transformer.to(dtype)
        if dtype == torch.float32 and self.model.device.type == "cpu" and torch.backends.mkldnn.is_available():
            pack(self.model.transformer.layers)
        return self

    def voice(
        self, prompt: Any, text: str | None = None, sample_rate: int | None = None, language: str = "en"
    ) -> Voice:
        """Make a prompt ready, once for many texts.

        Args:
            prompt: a path, or an array [S] with its `sample_rate`; 1 to 20 s, best 3 to 10.
            text: what it says; None lets the ASR model read it. A model that aligns by duration needs none; if
                given, it only sets the speaking rate.
            sample_rate: of an array, in Hz.
            language: for the ASR model (ISO 639-1).

        Raises:
            AudioError: a prompt that cannot be used.
            TextError: no text, and no ASR model to read it.
        """
        timed = self.model.duration_predictor is not None
        ready = read_prompt(prompt, sample_rate, self.sample_rate, shorten=timed)
        if timed and text is None:
            return Voice(self.representation.encode(ready.waveform), "", ready.level)
        if text is None and self.asr is not None:
            text = self.asr.transcribe(ready.waveform, language)
        # Checked before anything is computed.
        text = self.prepare(check_prompt_text(text)).text
        token_ids = self.model.token_ids(text)
        frames = self.representation.encode(ready.waveform)
        rate = None
        if self.model.duration_predictor is not None and token_ids:
            rate = prompt_rate(self.model.duration_predictor, token_ids, ready.seconds)
        return Voice(frames, text, ready.level, rate)

    def prepare(self, text: str, strict: bool = False) -> SpokenText:
        """What will be said of a text: words in the place of numbers and signs, no markup, sections between breaks.

        Args:
            text: as it is written; may hold SSML or Markdown.
            strict: refuse what cannot be said, rather than leave it out with a warning.

        Raises:
            TextError: it is no text, nothing of it can be said, or with `strict` not all of it.
        """
        return prepare(text, self.model, strict)

    def check(
        self, text: str, voice: Voice, *, seconds: float | None = None, speed: float = 1.0, strict: bool = False
    ) -> None:
        """Raise the `TextError` that `speak` would raise, without speaking."""
        plan_pieces(self.model, 0, self.prepare(text, strict), voice, Manner(seconds, speed))

    def speak(
        self,
        text: str | Sequence[str],
        prompt: Any,
        prompt_text: str | None = None,
        *,
        sample_rate: int | None = None,
        seconds: float | Sequence[float] | None = None,
        speed: float = 1.0,
        pause: float | None = None,
        strict: bool = False,
        seed: int | Sequence[int] = 0,
        solver: SolverSettings | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """Speak a text, or several in batches; each sounds as if it were alone.

        Args:
            text: one text, of any length, or a list.
            prompt: a path or array (see `voice`), a `Voice`, or for a list of texts a list of voices.
            prompt_text: what the prompt says.
            sample_rate: of a prompt given as an array, in Hz.
            seconds: how long it shall last; None for the speaking rate of the prompt.
            speed: relative to that rate.
            pause: seconds of silence between sentences, which are then spoken one by one; None for what the model
                makes inside a piece and a quarter of a second between pieces.
            strict: refuse a text with anything that cannot be said, rather than leave it out with a warning.
            seed: of durations and of the noise it is made from; one for each text, or the same for all.
            solver: how it is made; 16 Euler steps with guidance 2 by default.
            progress: called with the pieces done and the pieces in all.

        Returns:
            `Speech`, or a list of them.

        Raises:
            TextError: an empty text, unknown characters, or a text that does not fit its duration.
            AudioError: a prompt that cannot be used.
        """
        texts = [text] if isinstance(text, str) else list(text)
        voices = self._voices(prompt, prompt_text, sample_rate, len(texts))
        lengths = _each(seconds, len(texts), "seconds")
        seeds = _each(seed, len(texts), "seeds")
        spoken = [self.prepare(one, strict) for one in texts]
        pieces = [
            piece
            for item, (one, voice) in enumerate(zip(spoken, voices, strict=True))
            for piece in plan_pieces(self.model, item, one, voice, Manner(lengths[item], speed, pause, seeds[item]))
        ]
        waveforms: list[np.ndarray] = [np.zeros(0, np.float32)] * len(pieces)
        done = 0
        for batch in batches_by_length(range(len(pieces)), lambda i: pieces[i].frames, self._batch_frames()):
            made = self._waveforms([pieces[i] for i in batch], solver or SolverSettings())
            for i, waveform in zip(batch, made, strict=True):
                waveforms[i] = waveform
            done += len(batch)
            if progress is not None:
                progress(done, len(pieces))
        made_of = [[i for i, piece in enumerate(pieces) if piece.item == item] for item in range(len(texts))]
        speeches = [
            Speech(
                joined([waveforms[i] for i in own], [pieces[i].pause for i in own], self.sample_rate),
                self.sample_rate,
                one,
                words.text,
            )
            for own, one, words in zip(made_of, texts, spoken, strict=True)
        ]
        return speeches[0] if isinstance(text, str) else speeches

    def stream(
        self,
        text: str,
        prompt: Any,
        prompt_text: str | None = None,
        *,
        sample_rate: int | None = None,
        speed: float = 1.0,
        pause: float | None = None,
        strict: bool = False,
        seed: int = 0,
        solver: SolverSettings | None = None,
    ) -> Iterator[np.ndarray]:
        """Waveforms [S] of a text, sentence by sentence, each as soon as it is made, with the pauses between them.

        Args:
            solver: how all sentences are made; None for that of `speak`, but the first one by the few steps of a model
                that has them, so that the sound begins at once. The others are made while it is heard.

        The other arguments and what is raised are those of `speak`.
        """
        spoken = self.prepare(text, strict)
        voice = self._voices(prompt, prompt_text, sample_rate, 1)[0]
        # All are checked before the first is spoken.
        manner = Manner(None, speed, pause, seed, by_sentence=True)
        following = solver or SolverSettings()
        distilled = solver is None and bool(self.model.config.transformer.few_steps)
        first = SolverSettings(few_steps=True) if distilled else following
        for index, piece in enumerate(plan_pieces(self.model, 0, spoken, voice, manner)):
            waveform = self._waveforms([piece], following if index else first)[0]
            yield with_pause(waveform, piece.pause, self.sample_rate)

    def _voices(self, prompt: Any, text: str | None, sample_rate: int | None, count: int) -> list[Voice]:
        if isinstance(prompt, list | tuple) and all(isinstance(one, Voice) for one in prompt):
            if len(prompt) != count:
                raise TextError(f"{len(prompt)} voices for {count} texts")
            return list(prompt)
        voice = prompt if isinstance(prompt, Voice) else self.voice(prompt, text, sample_rate)
        return [voice] * count

    def _waveforms(self, pieces: Sequence[Piece], solver: SolverSettings) -> list[np.ndarray]:
        made = self.model.generate([piece.request for piece in pieces], solver)
        context = round(CONTEXT_S * self.model.config.representation.frame_rate)
        hop = self.representation.hop_length
        waveforms = []
        for piece, frames in zip(pieces, made, strict=True):
            frames = self.representation.with_pitch_of(frames, piece.voice.frames)
            before = piece.voice.frames[-context:].to(frames)
            waveform = self.representation.decode(torch.cat([before, frames]))[len(before) * hop :]
            if not piece.whole:
                # By what is predicted and by what is there: the silence of a noisy prompt is not silent.
                first, last = (round(frame * hop) for frame in self.model.spoken_span(piece.request))
                margin = round(MARGIN_S * self.sample_rate)
                waveform = waveform[max(0, first - margin) : last + margin]
                waveform = trim(waveform, self.sample_rate, MARGIN_S)
            waveforms.append(at_level(waveform, piece.voice.level, self.sample_rate))
        return waveforms

    def _batch_frames(self) -> int:
        seconds = BATCH_S["cuda" if self.model.device.type == "cuda" else "cpu"]
        return round(seconds * self.model.config.representation.frame_rate)


def prepare(text: str, model: FlowMatchingTTS, strict: bool = False) -> SpokenText:
    """What a model will say of a text, see `TextToSpeech.prepare`."""
    spoken = prepare_text(text, model)
    if spoken.unspoken and strict:
        raise TextError(f"cannot be spoken: {spoken.report}")
    if spoken.is_empty:
        raise TextError(
            f"nothing of the text can be spoken: {spoken.report}"
            if spoken.unspoken
            else f"the text is empty, or nothing of it is spoken: {spoken.text!r}"
        )
    if spoken.unspoken:
        logger.warning("not spoken: %s", spoken.report)
    return spoken


def pack(module: nn.Module) -> None:
    """Lay out the weights of all linear layers inside a module in oneDNN's own order, for inference on a CPU."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, PackedLinear(child.weight, child.bias))
        else:
            pack(child)


def _each(values: Any, count: int, what: str) -> list[Any]:
    if isinstance(values, list | tuple):
        if len(values) != count:
            raise TextError(f"{len(values)} {what} for {count} texts")
        return list(values)
    return [values] * count
