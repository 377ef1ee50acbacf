"""Texts before words are counted or learnt."""

from wavcube.data.text_normalizers import english_letters, has_words, librispeech_spelling


def test_english_letters() -> None:
    assert english_letters("Don't  stop -- NOW.") == "don't stop now"
    assert english_letters("7 up") == ""


def test_librispeech_spelling() -> None:
    assert librispeech_spelling("Don\u2019t \u2014 stop_now, \u00e9t\u00e9!") == "DON'T STOP NOW \u00c9T\u00c9"


def test_words_are_letters_or_digits() -> None:
    assert all(map(has_words, ("a", "7", "\u4f60", "- b")))
    assert not any(map(has_words, ("", " ", "...", "%", "\u266a")))
