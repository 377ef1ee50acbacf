import math

import pytest

from wavcube.generation.tts.durations.average_durations import AverageDurations
from wavcube.generation.tts.durations.text_duration import check_frames, check_speed, estimate_frames, prompt_rate
from wavcube.generation.tts.text.frontend import TextError


def test_the_speaking_rate_is_the_prompt_s() -> None:
    assert estimate_frames(100, "ten bytes.", "ten bytes.") == 100
    assert estimate_frames(100, "ten bytes.", "twenty bytes, twenty") == 200
    assert estimate_frames(100, "ten bytes.", "äöüäö") == 100  # two bytes each


def test_impossible_speeds_are_refused() -> None:
    with pytest.raises(TextError, match="prompt's text is empty"):
        estimate_frames(100, " ", "text")
    with pytest.raises(TextError, match="speed is 0"):
        check_speed(0.0)


def test_texts_must_fit_their_frames() -> None:
    check_frames(10, 10, 30, 50.0)
    with pytest.raises(TextError, match="needs 11 frames"):
        check_frames(11, 10, 30, 50.0)
    with pytest.raises(TextError, match=r"would last 40\.0 s"):
        check_frames(11, 1500, 2001, 50.0)


def test_the_rate_of_a_prompt_is_inside_limits() -> None:
    durations = AverageDurations(3)
    durations.effects[2].fill_(0.1)
    assert prompt_rate(durations, [1, 2, 3], 0.36) == pytest.approx(math.log(1.2), abs=1e-3)
    assert prompt_rate(durations, [1, 2, 3], 9.0) == pytest.approx(math.log(1.5), abs=1e-3)
    assert prompt_rate(durations, [1, 2, 3], 0.01) == pytest.approx(math.log(0.7), abs=1e-3)
