"""The prompt, a recording of the voice: read, checked, trimmed, brought to a usual loudness."""

import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from wavcube.audio.io import as_mono, load_audio
from wavcube.audio.voice_likeness import doubt_of_voice
from wavcube.errors import AudioError
from wavcube.generation.tts.loudness import speech_level
from wavcube.generation.tts.text.frontend import TextError

SHORTEST_S, LONGEST_S = 1.0, 20.0
"""Of the speech in a prompt. Less is too little of a voice; models are trained on at most 30 s, prompt and new
speech together."""

LEAST_RMS = 0.1
"""Quieter prompts are scaled to this root mean square (as in F5-TTS); what is spoken is as loud as the prompt was."""

KEPT_S = (6.0, 10.0)
"""Of a longer prompt that needs no text: it is cut at its quietest place in this range."""

_EDGE_DB, _MARGIN_S, _WINDOW_S = -40.0, 0.1, 0.02

logger = logging.getLogger(__name__)


@dataclass
class Prompt:
    """A recording in the form that a model gets it.

    Attributes:
        waveform: [S] float32, trimmed and at a usual loudness.
        level: of the recording's speech (`speech_level`), before it was scaled.
        seconds: of speech in the recording, before it was shortened.
    """

    waveform: np.ndarray
    level: float
    seconds: float


@dataclass
class Voice:
    """A prompt made ready: speak as many texts with it as you like.

    Attributes:
        frames: [P, C] of the representation.
        text: what the prompt says; empty where the model needs no text and none was given.
        level: of its speech (`speech_level`); what is spoken is as loud.
        rate: natural logarithm of its durations over the usual ones, by its text; None where the model predicts no
            durations or the text is not known.
    """

    frames: Tensor
    text: str
    level: float
    rate: float | None = None


def read_prompt(speech: Any, sample_rate: int | None, target_rate: int, shorten: bool = False) -> Prompt:
    """Read and check a prompt.

    Args:
        speech: a path, or an array or tensor [S] with its `sample_rate`.
        sample_rate: of an array, in Hz.
        target_rate: of the result, in Hz.
        shorten: keep only the beginning of a prompt above 10 s, so that there is room for what is to be spoken.

    Raises:
        AudioError: it cannot be read, is silent, or holds less than 1 s or, where it may not be shortened, more than
            20 s of speech.
    """
    if speech is None or isinstance(speech, bytes | bytearray):
        kind = "None" if speech is None else "bytes"
        raise AudioError(f"the prompt is {kind}; give a path, or an array with its sample_rate")
    if isinstance(speech, str | os.PathLike):
        name, waveform = str(speech), load_audio(speech, target_rate)
    elif sample_rate is None:
        raise AudioError("the prompt is an array; say its sample_rate in Hz")
    else:
        name = "the prompt"
        waveform = as_mono(speech, sample_rate, target_rate, name=name)
    waveform = trim(waveform - waveform.mean(), target_rate)
    rms = float(np.sqrt(np.square(waveform).mean())) if len(waveform) else 0.0
    if rms < 1e-4:
        raise AudioError(f"{name}: the prompt is silent; give a recording of a voice")
    seconds = len(waveform) / target_rate
    if seconds < SHORTEST_S:
        raise AudioError(f"{name}: holds {seconds:.2f} s of speech; a prompt needs {SHORTEST_S:g} s, better 3 to 10")
    doubt = doubt_of_voice(waveform, target_rate)
    if doubt is not None:
        logger.warning("%s: likely no clean voice (%s); speech in its likeness may be noise", name, doubt)
    level = speech_level(waveform, target_rate)
    if shorten:
        waveform = shortened(waveform, target_rate)
    elif seconds > LONGEST_S:
        raise AudioError(f"{name}: lasts {seconds:.1f} s; cut the prompt to at most {LONGEST_S:g} s, best 3 to 10")
    gain = max(1.0, LEAST_RMS / rms)
    return Prompt((waveform * gain).astype(np.float32), level, seconds)


def shortened(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The beginning of a waveform [S] above 10 s, up to its quietest place from 6 to 10 s."""
    first, last = (round(seconds * sample_rate) for seconds in KEPT_S)
    if len(waveform) <= last:
        return waveform
    size = round(_WINDOW_S * sample_rate)
    energy = np.square(waveform[first : first + (last - first) // size * size].reshape(-1, size)).mean(1)
    around = np.convolve(energy, np.ones(5), "same")  # a pause of 0.1 s rather than a stop consonant
    return waveform[: first + int(around.argmin()) * size]


def trim(waveform: np.ndarray, sample_rate: int, margin_s: float = _MARGIN_S) -> np.ndarray:
    """Without the silence at both ends, but for a margin: pieces 40 dB below the loudest."""
    size = round(_WINDOW_S * sample_rate)
    count = len(waveform) // size
    if count == 0:
        return waveform
    energy = np.square(waveform[: count * size].reshape(count, size)).mean(1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (_EDGE_DB / 10))
    if not len(loud):
        return waveform[:0]
    margin = round(margin_s * sample_rate)
    return waveform[max(0, loud[0] * size - margin) : (loud[-1] + 1) * size + margin]


def check_prompt_text(text: str | None) -> str:
    """The prompt's text, or an error that says how to give it."""
    if text is None:
        raise TextError("say what is spoken in the prompt (--prompt-text), or name an ASR model that reads it")
    if not text.strip():
        raise TextError("the prompt's text is empty; say what is spoken in the prompt")
    return text.strip()
