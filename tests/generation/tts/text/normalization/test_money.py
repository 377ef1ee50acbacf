import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$5M", "five million dollars"),
        ("$1.5 billion", "one point five billion dollars"),
        ("$3.50", "three dollars and fifty cents"),
        ("$0.99", "ninety nine cents"),
        ("$1", "one dollar"),
        ("$1.00", "one dollar"),
        ("50€", "fifty euros"),
        ("€50", "fifty euros"),
        ("€1,50", "one euro and fifty cents"),
        ("3,99 €", "three euros and ninety nine cents"),
        ("£20k", "twenty thousand pounds"),
        ("$1,234.56", "one thousand two hundred and thirty four dollars and fifty six cents"),
        ("$5-10", "five to ten dollars"),
        ("US$5", "five you ess dollars"),
        ("¥500", "five hundred yen"),
        ("$20/month", "twenty dollars per month"),
        ("5 USD", "five dollars"),
        ("-$5", "minus five dollars"),
        ("$5bn", "five billion dollars"),
        ("25¢", "twenty five cents"),
        ("$10 million", "ten million dollars"),
        ("costs $5.", "costs five dollars."),
        ("100$", "one hundred dollars"),
        ("$3.5M", "three point five million dollars"),
    ],
)
def test_amounts_of_money_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
