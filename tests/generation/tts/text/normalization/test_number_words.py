import pytest

from wavcube.generation.tts.text.normalization.number_words import amount, fraction, number, plural, year

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [("5", "five"), ("1,234", "one thousand two hundred and thirty four"), ("3.05", "three point zero five"),
     (".5", "zero point five"), ("007", "zero zero seven"), ("0", "zero"), ("0.0", "zero point zero"),
     ("1" * 16, " ".join(["one"] * 16))],
)  # fmt: skip
def test_numbers(written: str, said: str) -> None:
    assert number(written) == said


def test_years_go_in_pairs() -> None:
    said = [year(number) for number in (1984, 1905, 1900, 2000, 2006, 2010, 2100, 1066)]
    assert said == [
        "nineteen eighty four", "nineteen oh five", "nineteen hundred", "two thousand", "two thousand six",
        "twenty ten", "twenty one hundred", "ten sixty six",
    ]  # fmt: skip


def test_fractions_and_mixed_numbers() -> None:
    assert [fraction(1, 2), fraction(3, 4), fraction(5, 8), fraction(3, 43)] == [
        "one half", "three quarters", "five eighths", "three over forty three",
    ]  # fmt: skip
    assert [amount("2 1/2"), amount("1 3/4"), amount("2.5")] == [
        "two and a half",
        "one and three quarters",
        "two point five",
    ]


def test_plurals() -> None:
    assert [plural("ninety"), plural("six"), plural("hundred")] == ["nineties", "sixes", "hundreds"]
