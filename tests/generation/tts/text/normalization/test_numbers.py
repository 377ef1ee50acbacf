# ruff: noqa: RUF001 (signs and letters that look like others)
import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("v2.0", "version two point zero"),
        ("v1.2.3", "version one point two point three"),
        ("v2", "version two"),
        ("1.2.3", "one point two point three"),
        ("007", "zero zero seven"),
        ("09", "zero nine"),
        ("0.5", "zero point five"),
        (".5", "zero point five"),
        ("3.14159", "three point one four one five nine"),
        ("1,000,000", "one million"),
        ("12345", "twelve thousand three hundred and forty five"),
        ("4111111111111111", "four one one one one one one one one one one one one one one one"),
        ("-5", "minus five"),
        ("1st", "first"),
        ("2nd", "second"),
        ("3rd", "third"),
        ("21st", "twenty first"),
        ("101st", "one hundred and first"),
        ("1,000th", "one thousandth"),
        ("1/2", "one half"),
        ("½", "one half"),
        ("2½", "two and a half"),
        ("2 1/2", "two and a half"),
        ("3/4", "three quarters"),
        ("5/8", "five eighths"),
        ("24/7", "twenty four seven"),
        ("1/3", "one third"),
        ("9/11", "nine eleven"),
        ("7/43", "seven over forty three"),
        ("5-10", "five to ten"),
        ("1990–2000", "nineteen ninety to two thousand"),
        ("pp. 5–10", "pages five to ten"),
        ("100-200 people", "one hundred to two hundred people"),
        ("#1", "number one"),
        ("No. 5", "Number five"),
        ("10k", "ten thousand"),
        ("5M users", "five million users"),
        ("911", "nine one one"),
        ("100s of people", "hundreds of people"),
        ("6's", "sixes"),
        ("5-year-old", "five year-old"),
        ("Apollo 11", "Apollo eleven"),
        ("2^10", "two to the power of ten"),
        ("x²", "x squared"),
        ("10⁶", "ten to the power of six"),
    ],
)
def test_versions_ordinals_fractions_ranges_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
