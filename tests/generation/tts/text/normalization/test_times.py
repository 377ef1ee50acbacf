import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("23:59", "twenty three fifty nine"),
        ("9:05", "nine oh five"),
        ("11:00", "eleven o'clock"),
        ("5:30 pm", "five thirty pee em"),
        ("5pm", "five pee em"),
        ("5 p.m.", "five pee em."),
        ("12:00", "twelve o'clock"),
        ("00:15", "zero fifteen"),
        ("10:20:30", "ten twenty and thirty seconds"),
        ("at 3 p.m. He left.", "at three pee em. He left."),
        ("9am-5pm", "nine ay em to five pee em"),
        ("9:00-17:30", "nine o'clock to seventeen thirty"),
        ("14:00", "fourteen hundred"),
        ("16:9", "sixteen to nine"),
    ],
)
def test_times_of_day_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
