import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("XIV", "fourteen"),
        ("XIV.", "fourteen."),
        ("Louis XIV", "Louis the fourteenth"),
        ("Henry VIII", "Henry the eighth"),
        ("World War II", "World War two"),
        ("Chapter IV", "Chapter four"),
        ("Chapter I", "Chapter one"),
        ("King George V", "King George the fifth"),
        ("MCMXC", "nineteen ninety"),
        ("I, II and III", "I, two and three"),
        ("class D for", "class dee for"),
        ("CD", "see dee"),
        ("Henry I was", "Henry the first was"),
        ("When Henry I say", "When Henry I say"),
        ("a mix of", "a mix of"),
    ],
)
def test_roman_numerals_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
