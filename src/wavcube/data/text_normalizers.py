"""How texts are made comparable before words are counted; the choice moves error rates by points, so it is named."""

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
