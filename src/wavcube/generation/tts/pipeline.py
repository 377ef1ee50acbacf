"""`TextToSpeech`: texts spoken in the voice of a prompt. The class that users import."""

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
from wavcube.generation.tts.durations.text_duration import check_speed, estimate_frames, prompt_rate
from wavcube.generation.tts.joining import PAUSE_S, faded, joined
from wavcube.generation.tts.model import PACKAGED, FlowMatchingTTS, SynthesisRequest
from wavcube.generation.tts.prompt import Voice, check_prompt_text, read_prompt
from wavcube.generation.tts.text.frontend import TextError, plain
from wavcube.generation.tts.text.sentences import split_sentences, split_text
from wavcube.hashing import fingerprint_module

if TYPE_CHECKING:
    from wavcube.evaluation.asr import ASRModel

PIECE_S = 22.0
"""Prompt and speech of one piece together; longer texts are cut. Models are trained on at most 30 s."""

CONTEXT_S = 0.5
"""So much of the prompt is decoded again before the new speech, which then does not begin out of nothing."""

BATCH_S = {"cpu": 40.0, "cuda": 600.0}
"""Speech with prompts that is generated at once, padding included."""

_PIECE_STRIDE = 1_000_003  # from the seed of a text's piece to the next one's


@dataclass
class Speech:
    """What was spoken.

    Attributes:
        waveform: [S] float32 in [-1, 1].
        sample_rate: in Hz.
        text: what it says.
    """

    waveform: np.ndarray
    sample_rate: int
    text: str

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a WAV or FLAC file, by the suffix."""
        save_audio(path, self.waveform, self.sample_rate)


@dataclass
class _Piece:
    """Part of a text, to be generated at once."""

    item: int
    request: SynthesisRequest
    voice: Voice

    @property
    def frames(self) -> int:
        return len(self.request.prompt) + self.request.frames


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
        ready = read_prompt(prompt, sample_rate, self.sample_rate)
        if self.model.duration_predictor is not None and text is None:
            return Voice(self.representation.encode(ready.waveform), "", ready.gain)
        if text is None and self.asr is not None:
            text = self.asr.transcribe(ready.waveform, language)
        text = plain(check_prompt_text(text))
        token_ids = self.model.token_ids(text)  # characters that it does not know are found before anything is computed
        frames = self.representation.encode(ready.waveform)
        rate = None
        if self.model.duration_predictor is not None:
            seconds = len(frames) / self.model.config.representation.frame_rate
            rate = prompt_rate(self.model.duration_predictor, token_ids, seconds)
        return Voice(frames, text, ready.gain, rate)

    def check(self, text: str, voice: Voice, *, seconds: float | None = None, speed: float = 1.0) -> None:
        """Raise the `TextError` that `speak` would raise, without speaking."""
        self._pieces(0, text, voice, seconds, speed, seed=0)

    def speak(
        self,
        text: str | Sequence[str],
        prompt: Any,
        prompt_text: str | None = None,
        *,
        sample_rate: int | None = None,
        seconds: float | Sequence[float] | None = None,
        speed: float = 1.0,
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
            seed: of the noise it is made from; one for each text, or the same for all.
            solver: how it is made; 32 Euler steps with guidance 2 by default.
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
        pieces = [
            piece
            for item, (one, voice) in enumerate(zip(texts, voices, strict=True))
            for piece in self._pieces(item, one, voice, lengths[item], speed, seeds[item])
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
        spoken = [
            Speech(
                joined([w for w, p in zip(waveforms, pieces, strict=True) if p.item == item], self.sample_rate),
                self.sample_rate,
                one,
            )
            for item, one in enumerate(texts)
        ]
        return spoken[0] if isinstance(text, str) else spoken

    def stream(
        self,
        text: str,
        prompt: Any,
        prompt_text: str | None = None,
        *,
        sample_rate: int | None = None,
        speed: float = 1.0,
        seed: int = 0,
        solver: SolverSettings | None = None,
    ) -> Iterator[np.ndarray]:
        """Waveforms [S] of a text, sentence by sentence, each as soon as it is made, with the pauses between them."""
        voice = self._voices(prompt, prompt_text, sample_rate, 1)[0]
        sentences = split_sentences(plain(text)) or [""]
        pause = np.zeros(round(PAUSE_S * self.sample_rate), np.float32)
        pieces: list[_Piece] = []
        for sentence in sentences:  # all are checked before the first is spoken
            pieces += self._pieces(0, sentence, voice, None, speed, seed, first=len(pieces))
        for number, piece in enumerate(pieces):
            waveform = faded(self._waveforms([piece], solver or SolverSettings())[0], self.sample_rate)
            yield waveform if number == len(pieces) - 1 else np.concatenate([waveform, pause])

    def _voices(self, prompt: Any, text: str | None, sample_rate: int | None, count: int) -> list[Voice]:
        if isinstance(prompt, list | tuple) and all(isinstance(one, Voice) for one in prompt):
            if len(prompt) != count:
                raise TextError(f"{len(prompt)} voices for {count} texts")
            return list(prompt)
        voice = prompt if isinstance(prompt, Voice) else self.voice(prompt, text, sample_rate)
        return [voice] * count

    def _pieces(
        self, item: int, text: str, voice: Voice, seconds: float | None, speed: float, seed: int, first: int = 0
    ) -> list[_Piece]:
        """A text cut into what can be generated at once, every piece checked."""
        text = plain(text)
        if not self.model.token_ids(text):
            raise TextError(f"the text is empty, or nothing of it is spoken: {text!r}")
        check_speed(speed)
        rate = self.model.config.representation.frame_rate
        usual = self._natural_frames(voice, text)
        wanted = usual / speed if seconds is None else seconds * rate
        # Bytes that a piece may have, at the speaking rate of the whole.
        room = max(1.0, PIECE_S * rate - len(voice.frames))
        parts = split_text(text, max(1, int(len(text.encode()) * room / max(1, wanted))))
        if seconds is not None and not self._fits(text, round(wanted)):
            raise TextError(
                f"the text does not fit {seconds:g} s: at the speaking rate of the prompt it takes "
                f"{usual / rate:.1f} s; give more seconds, or a shorter text"
            )
        seeds = [seed + _PIECE_STRIDE * number for number in range(first, first + len(parts))]
        natural = [self._natural_frames(voice, part, one) for part, one in zip(parts, seeds, strict=True)]
        scale = 1 / speed if seconds is None else wanted / sum(natural)
        pieces = []
        for part, frames, one in zip(parts, natural, seeds, strict=True):
            text_with_prompt = part if self.model.duration_predictor is not None else f"{voice.text} {part}"
            token_ids = self.model.token_ids(text_with_prompt)
            request = SynthesisRequest(voice.frames, token_ids, max(1, round(frames * scale)), one, voice.rate)
            self.model.check(request)
            pieces.append(_Piece(item, request, voice))
        return pieces

    def _natural_frames(self, voice: Voice, text: str, seed: int | None = None) -> float:
        """Frames of a text at the speaking rate of a voice; with predicted durations, those drawn by the seed."""
        if self.model.duration_predictor is None:
            return estimate_frames(len(voice.frames), voice.text, text)
        seconds = self.model.token_seconds(self.model.token_ids(text), voice.rate, seed).sum()
        return float(seconds) * self.model.config.representation.frame_rate

    def _fits(self, text: str, frames: int) -> bool:
        return frames > 0 and self.model.least_frames(self.model.token_ids(text)) <= frames

    def _waveforms(self, pieces: Sequence[_Piece], solver: SolverSettings) -> list[np.ndarray]:
        made = self.model.generate([piece.request for piece in pieces], solver)
        context = round(CONTEXT_S * self.model.config.representation.frame_rate)
        hop = self.representation.hop_length
        waveforms = []
        for piece, frames in zip(pieces, made, strict=True):
            before = piece.voice.frames[-context:].to(frames)
            waveform = self.representation.decode(torch.cat([before, frames]))[len(before) * hop :]
            waveforms.append(np.clip(waveform / piece.voice.gain, -1, 1).astype(np.float32))
        return waveforms

    def _batch_frames(self) -> int:
        seconds = BATCH_S["cuda" if self.model.device.type == "cuda" else "cpu"]
        return round(seconds * self.model.config.representation.frame_rate)


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
