import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


def test_a_text_of_everything() -> None:
    text = (
        "Dr. Smith paid $5M in the 1990s for 3.5x more GPUs; NASA's CEO (born 1905) wrote to me@x.org at 23:59 about "
        "v2.0 & the XIV century, and/or 1/2 of it -- 24/7!"
    )
    assert normalise_english(text) == (
        "Doctor Smith paid five million dollars in the nineteen nineties for three point five times more gee pee yous; "
        "nasa's see ee oh (born nineteen oh five) wrote to me at ex dot org at twenty three fifty nine about version "
        "two point zero and the fourteen century, and or one half of it, twenty four seven!"
    )


def test_plain_sentences_stay_as_they_are() -> None:
    for text in (
        "We had a good time. They were all there, weren't they?",
        'He said: "I am not sure; ask my mother-in-law!"',
        "It's a well-known fact that the rainbow is a division of white light.",
    ):
        assert normalise_english(text) == text


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="aZbI .,:;-/$€%#@&0123456789'kmMxXVst()", max_size=24))
def test_no_digit_is_left_and_nothing_fails(text: str) -> None:
    said = normalise_english(text)
    assert not re.search(r"\d", said)
    assert normalise_english(said) == normalise_english(normalise_english(said))
