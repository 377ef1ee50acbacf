"""The duration of a whole text."""

import torch

from wavcube.generation.tts.durations.duration_predictor import DurationPredictor
from wavcube.generation.tts.text.frontend import TextError

LONGEST_S = 40.0
"""Prompt and speech together; models are trained on at most 30 s."""


def estimate_frames(prompt_frames: int, prompt_text: str, text: str, speed: float = 1.0) -> int:
    """Frames of `text` at the speaking rate of the prompt: its frames for each of its UTF-8 bytes (the rule of F5-TTS).

    Args:
        prompt_frames: frames of the prompt.
        prompt_text: what it says.
        text: to be spoken.
        speed: 2 speaks twice as fast.

    Raises:
        TextError: the prompt's text is empty, or the speed is not above zero.
    """
    if not prompt_text.strip():
        raise TextError("the prompt's text is empty; say what is spoken in the prompt")
    _check_speed(speed)
    per_byte = prompt_frames / len(prompt_text.encode())
    return max(1, round(per_byte * len(text.encode()) / speed))


def predicted_frames(predictor: DurationPredictor, token_ids: list[int], frame_rate: float, speed: float = 1.0) -> int:
    """Frames of a text by the predicted durations of its tokens.

    Args:
        predictor: of the model.
        token_ids: of the text.
        frame_rate: in Hz.
        speed: 2 speaks twice as fast.

    Raises:
        TextError: the speed is out of range.
    """
    _check_speed(speed)
    seconds = float(predictor(torch.tensor(token_ids, device=predictor.effects.device)).sum())
    return max(1, round(seconds * frame_rate / speed))


def _check_speed(speed: float) -> None:
    if not 0.1 <= speed <= 10:
        raise TextError(f"the speed is {speed:g}; it lies from 0.1 to 10")


def check_frames(tokens: int, frames: int, frame_rate: float) -> None:
    """Refuse a text that does not fit its frames: each token needs one.

    Args:
        tokens: of prompt and text together.
        frames: likewise.
        frame_rate: in Hz.

    Raises:
        TextError: it does not fit, or prompt and speech are too long.
    """
    if tokens > frames:
        raise TextError(
            f"the text has {tokens} tokens with the prompt's, its duration allows {frames} "
            f"({frames / frame_rate:.2f} s at {frame_rate:g} a second); give more seconds or a lower speed"
        )
    if frames > LONGEST_S * frame_rate:
        raise TextError(
            f"prompt and speech would last {frames / frame_rate:.1f} s, the limit is {LONGEST_S:g} s; shorten the "
            "prompt, or break the text into sentences"
        )
