"""A text in pieces that can be generated at once, with their durations and the pauses between them."""

import math
from dataclasses import dataclass

from wavcube.generation.tts.durations.text_duration import check_speed, estimate_frames
from wavcube.generation.tts.joining import usual_pause
from wavcube.generation.tts.model import FlowMatchingTTS, SynthesisRequest
from wavcube.generation.tts.prompt import Voice
from wavcube.generation.tts.text.frontend import TextError
from wavcube.generation.tts.text.markup import LONGEST_BREAK_S
from wavcube.generation.tts.text.script import SpokenText
from wavcube.generation.tts.text.sentences import split_sentences, split_text

PIECE_S = 22.0
"""Prompt and speech of one piece together; longer texts are cut. Models are trained on at most 30 s."""

_PIECE_STRIDE = 1_000_003  # from the seed of a text's piece to the next one's


@dataclass
class Piece:
    """Part of a text, to be generated at once.

    Attributes:
        item: the number of the text that it is part of.
        pause: seconds of silence behind it.
        whole: its duration is given, so that nothing is trimmed.
    """

    item: int
    request: SynthesisRequest
    voice: Voice
    pause: float
    whole: bool

    @property
    def frames(self) -> int:
        return len(self.request.prompt) + self.request.frames


@dataclass
class Manner:
    """How a text is spoken; see `TextToSpeech.speak`.

    Attributes:
        by_sentence: every sentence is a piece.
    """

    seconds: float | None = None
    speed: float = 1.0
    pause: float | None = None
    seed: int = 0
    by_sentence: bool = False


def plan_pieces(model: FlowMatchingTTS, item: int, spoken: SpokenText, voice: Voice, manner: Manner) -> list[Piece]:
    """A text cut into what can be generated at once, every piece checked.

    Args:
        model: that will speak it.
        item: the number of the text.
        spoken: the text.
        voice: of the prompt.
        manner: how it is spoken.

    Raises:
        TextError: the text does not fit its duration, or speed or pause are out of range.
    """
    check_speed(manner.speed)
    if manner.pause is not None and not 0 <= manner.pause <= LONGEST_BREAK_S:
        raise TextError(f"the pause is {manner.pause:g} s; it lies from 0 to {LONGEST_BREAK_S:g}")
    if manner.seconds is not None and not math.isfinite(manner.seconds):
        raise TextError(f"the duration is {manner.seconds:g} s; give a number of seconds")
    parts = _parts(model, spoken, voice, manner)
    seeds = [manner.seed + _PIECE_STRIDE * number for number in range(len(parts))]
    natural = [_natural_frames(model, voice, part, seed) for (part, _), seed in zip(parts, seeds, strict=True)]
    scale = 1 / manner.speed
    if manner.seconds is not None:
        rate = model.config.representation.frame_rate
        silence = sum(pause for _, pause in parts)
        wanted = (manner.seconds - silence) * rate
        if wanted < sum(model.least_frames(model.token_ids(part)) for part, _ in parts):
            raise TextError(
                f"the text does not fit {manner.seconds:g} s: at the speaking rate of the prompt it takes "
                f"{sum(natural) / rate + silence:.1f} s; give more seconds, or a shorter text"
            )
        scale = wanted / sum(natural)
    pieces = []
    for (part, pause), frames, seed in zip(parts, natural, seeds, strict=True):
        text = part if model.duration_predictor is not None else f"{voice.text} {part}"
        frames = max(1, round(frames * scale))
        request = SynthesisRequest(voice.frames, model.token_ids(text), frames, seed, voice.rate)
        model.check(request)
        pieces.append(Piece(item, request, voice, pause, manner.seconds is not None))
    return pieces


def _parts(model: FlowMatchingTTS, spoken: SpokenText, voice: Voice, manner: Manner) -> list[tuple[str, float]]:
    """The texts of the pieces, and the seconds of silence behind each."""
    rate = model.config.representation.frame_rate
    room = max(1.0, PIECE_S * rate - len(voice.frames))
    parts: list[tuple[str, float]] = []
    for section in spoken.sections:
        one_by_one = manner.by_sentence or manner.pause is not None
        cut = []
        for text in split_sentences(section.text) if one_by_one else [section.text]:
            if not model.token_ids(text):
                continue  # punctuation alone
            frames = max(1.0, _natural_frames(model, voice, text) / manner.speed)
            # Bytes that a piece may have, at the speaking rate of the whole.
            cut += split_text(text, max(1, int(len(text.encode()) * room / frames)))
        cut = [part for part in cut if model.token_ids(part)]
        parts += [(part, usual_pause(part) if manner.pause is None else manner.pause) for part in cut[:-1]]
        parts += [(part, section.pause) for part in cut[-1:]]
        if not cut and parts:  # a break behind a break
            parts[-1] = (parts[-1][0], parts[-1][1] + section.pause)
    return parts


def _natural_frames(model: FlowMatchingTTS, voice: Voice, text: str, seed: int | None = None) -> float:
    """Frames of a text at the speaking rate of a voice; with predicted durations, those drawn by the seed."""
    if model.duration_predictor is None:
        return estimate_frames(len(voice.frames), voice.text, text)
    seconds = model.token_seconds(model.token_ids(text), voice.rate, seed).sum()
    return float(seconds) * model.config.representation.frame_rate
