import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("555-1234", "five five five, one two three four"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
        ("(020) 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("555.123.4567", "five five five, one two three, four five six seven"),
    ],
)
def test_telephone_numbers_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
