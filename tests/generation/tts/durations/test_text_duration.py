import pytest

from wavcube.generation.tts.durations.text_duration import check_frames, estimate_frames
from wavcube.generation.tts.text.frontend import TextError


def test_the_speaking_rate_is_the_prompt_s() -> None:
    assert estimate_frames(100, "ten bytes.", "ten bytes.") == 100
    assert estimate_frames(100, "ten bytes.", "twenty bytes, twenty", speed=2.0) == 100
    assert estimate_frames(100, "ten bytes.", "äöüäö") == 100  # two bytes each


def test_impossible_speeds_are_refused() -> None:
    with pytest.raises(TextError, match="prompt's text is empty"):
        estimate_frames(100, " ", "text")
    with pytest.raises(TextError, match="speed is 0"):
        estimate_frames(100, "a", "text", 0.0)


def test_texts_must_fit_their_frames() -> None:
    check_frames(10, 10, 50.0)
    with pytest.raises(TextError, match="11 tokens"):
        check_frames(11, 10, 50.0)
    with pytest.raises(TextError, match=r"would last 40\.0 s"):
        check_frames(11, 2001, 50.0)
