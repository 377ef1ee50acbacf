"""Normalizers of texts before words are counted or learnt; each has a name, since the choice moves error rates."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache


def normalise(text: str, normaliser: str, language: str) -> str:
    """Bring a text into the form whose words are counted.

    Args:
        text: as transcribed.
        normaliser: one of `NORMALISERS`.
        language: ISO 639-1 code; the English rules of "whisper" are for English alone.
    """
    return _FUNCTIONS[normaliser](text, language)


def has_words(text: str) -> bool:
    """Whether there is anything in a text that is spoken: a letter or a digit."""
    return any(character.isalnum() for character in text)


def librispeech_spelling(text: str) -> str:
    """Words in capitals, with apostrophes but without any other sign, as LibriSpeech writes them."""
    return " ".join(re.sub(r"[^\w']|_", " ", text.replace("\u2019", "'").upper()).split())


def english_letters(text: str) -> str:
    """Lower case letters a to z, apostrophes and single spaces; empty where there are digits (read in many ways)."""
    if re.search(r"\d", text):
        return ""
    return " ".join(re.sub(r"[^a-z']+", " ", text.lower()).split())


def describe(normaliser: str) -> str:
    """What to print beside an error rate."""
    return NORMALISERS[normaliser]


NORMALISERS = {
    "whisper": "whisper-normalizer (English rules for English, basic rules otherwise)",
    "lower": "lower case without punctuation (as F5-TTS counts)",
    "none": "no normalisation",
}


def _whisper(text: str, language: str) -> str:
    return _whisper_normaliser(language == "en")(text).strip()


@cache
def _whisper_normaliser(english: bool) -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer() if english else BasicTextNormalizer()


def _lower(text: str, language: str) -> str:
    kept = "".join(letter for letter in text if not unicodedata.category(letter).startswith("P"))
    return re.sub(r"\s+", " ", kept).strip().lower()


def _none(text: str, language: str) -> str:
    return text.strip()


_FUNCTIONS: dict[str, Callable[[str, str], str]] = {"whisper": _whisper, "lower": _lower, "none": _none}
