"""The duration of a whole text, and the speaking rate of a prompt."""

import math

import torch

from wavcube.generation.tts.durations.average_durations import AverageDurations
from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.text.frontend import TextError

LONGEST_S = 40.0
"""Prompt and speech together; models are trained on at most 30 s."""

DURATION_SCALES = (0.7, 1.5)
"""Limits of a prompt's duration over the usual one: a wrong text must not decide the speaking rate."""

_HALVINGS = 12  # of the interval between them, down to 0.02 %


def estimate_frames(prompt_frames: int, prompt_text: str, text: str) -> float:
    """Frames of `text` at the speaking rate of the prompt: its frames for each of its UTF-8 bytes (the rule of F5-TTS).

    Args:
        prompt_frames: frames of the prompt.
        prompt_text: what it says.
        text: to be spoken.

    Raises:
        TextError: the prompt's text is empty.
    """
    if not prompt_text.strip():
        raise TextError("the prompt's text is empty; say what is spoken in the prompt")
    return prompt_frames / len(prompt_text.encode()) * len(text.encode())


def prompt_rate(predictor: AverageDurations | DurationNetwork, token_ids: list[int], seconds: float) -> float:
    """How slowly a prompt is spoken: the rate at which its text takes `seconds` by the predictor.

    Args:
        predictor: of the model.
        token_ids: of the prompt's text.
        seconds: of its speech.

    Returns:
        The natural logarithm of durations over the usual ones, inside `DURATION_SCALES`.
    """
    text = torch.tensor(token_ids)
    low, high = (math.log(scale) for scale in DURATION_SCALES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        longer = float(predictor.draw(text, middle).sum()) > seconds
        low, high = (low, middle) if longer else (middle, high)
    return (low + high) / 2


def check_speed(speed: float) -> None:
    """Raise a `TextError` for a speed out of range."""
    if not 0.1 <= speed <= 10:
        raise TextError(f"the speed is {speed:g}; it lies from 0.1 to 10")


def check_frames(needed: int, room: int, total: int, frame_rate: float) -> None:
    """Refuse a text that does not fit its frames.

    Args:
        needed: frames that the text needs at least.
        room: frames that it has.
        total: frames of prompt and speech together.
        frame_rate: in Hz.

    Raises:
        TextError: it does not fit, or prompt and speech are too long.
    """
    if needed > room:
        raise TextError(
            f"the text needs {needed} frames at least, its duration has {room} "
            f"({room / frame_rate:.2f} s at {frame_rate:g} a second); give more seconds or a lower speed"
        )
    if total > LONGEST_S * frame_rate:
        raise TextError(
            f"prompt and speech would last {total / frame_rate:.1f} s, the limit is {LONGEST_S:g} s; shorten the "
            "prompt, or break the text into sentences"
        )
