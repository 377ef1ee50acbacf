# ruff: noqa: RUF001 (signs and letters that look like others)
import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1990s", "nineteen nineties"),
        ("80s", "eighties"),
        ("the '80s", "the eighties"),
        ("mid-90s", "mid-nineties"),
        ("in the 90's", "in the nineties"),
        ("1800s", "eighteen hundreds"),
        ("2000s", "two thousands"),
        ("the 2010s", "the twenty tens"),
        ("in 1984", "in nineteen eighty four"),
        ("born in 1905", "born in nineteen oh five"),
        ("in 1066", "in ten sixty six"),
        ("2024", "twenty twenty four"),
        ("1900", "nineteen hundred"),
        ("2001", "two thousand one"),
        ("1999-2003", "nineteen ninety nine to two thousand three"),
        ("1914–18", "nineteen fourteen to eighteen"),
        ("2024-05-06", "May sixth, twenty twenty four"),
        ("05/06/2024", "May sixth, twenty twenty four"),
        ("25/12/2023", "December twenty fifth, twenty twenty three"),
        ("06.05.2024", "May sixth, twenty twenty four"),
        ("May 6, 2024", "May sixth, twenty twenty four"),
        ("6 May 2024", "the sixth of May, twenty twenty four"),
        ("May 6th", "May sixth"),
        ("Jan 5", "January fifth"),
        ("Dec. 25, 1999", "December twenty fifth, nineteen ninety nine"),
        ("1234 files", "one thousand two hundred and thirty four files"),
        ("the 4th of July", "the fourth of July"),
    ],
)
def test_years_decades_and_dates_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
