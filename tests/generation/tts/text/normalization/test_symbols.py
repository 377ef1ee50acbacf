# ruff: noqa: RUF001 (signs and letters that look like others)
import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2 + 2 = 4", "two plus two equals four"),
        ("2+2=4", "two plus two equals four"),
        ("3 × 4 = 12", "three times four equals twelve"),
        ("5 - 3", "five minus three"),
        ("10 / 2", "ten divided by two"),
        ("a + b", "a plus b"),
        ("5 > 3", "five is greater than three"),
        ("~5", "about five"),
        ("≈5", "approximately five"),
        ("±2", "plus or minus two"),
        ("√2", "the square root of two"),
        ("and/or", "and or"),
        ("he/she", "he or she"),
        ("s/he", "he or she"),
        ("his/her", "his or her"),
        ("input/output", "input slash output"),
        ("Covid—really?", "Covid, really?"),
        ("wait – what", "wait, what"),
        ("C#", "see sharp"),
        ("TCP/IP", "tee see pee slash eye pee"),
        ("rock & roll", "rock and roll"),
        ("well... ok", "well... ok"),
    ],
)
def test_signs_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
