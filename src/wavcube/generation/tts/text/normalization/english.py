# ruff: noqa: RUF001 (signs and letters that look like others)
"""The order in which English writing is turned into words."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from wavcube.generation.tts.text.normalization.abbreviations import say_abbreviations
from wavcube.generation.tts.text.normalization.acronyms import say_acronyms
from wavcube.generation.tts.text.normalization.addresses import say_addresses
from wavcube.generation.tts.text.normalization.dates import say_dates
from wavcube.generation.tts.text.normalization.money import say_money
from wavcube.generation.tts.text.normalization.numbers import say_numbers
from wavcube.generation.tts.text.normalization.phone_numbers import say_phone_numbers
from wavcube.generation.tts.text.normalization.roman_numerals import say_roman_numerals
from wavcube.generation.tts.text.normalization.symbols import say_operators, say_symbols
from wavcube.generation.tts.text.normalization.times import say_times
from wavcube.generation.tts.text.normalization.units import say_units

STEPS: tuple[Callable[[str], str], ...] = (
    say_addresses,
    say_phone_numbers,
    say_abbreviations,
    say_dates,
    say_times,
    say_money,
    say_units,
    say_operators,
    say_numbers,
    say_roman_numerals,
    say_acronyms,
    say_symbols,
)
"""Each takes what it knows; what is written most specifically comes first."""

_PLAINER = str.maketrans(
    {"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " ", "\u202f": " ", "ﬁ": "fi", "ﬂ": "fl"}
    | dict.fromkeys("\u200b\u00ad\ufeff\u2060")  # invisible: left out
)


@lru_cache(10_000)
def normalise_english(text: str) -> str:
    """Text in which everything that is said is a word; accented letters and other scripts stay as they are."""
    text = " ".join(unicodedata.normalize("NFC", text).translate(_PLAINER).split())
    for step in STEPS:
        text = step(text)
    return _tidied(text)


def _tidied(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+(?=[.,;:!?])", "", text)
    text = re.sub(r"(?:,\s*)+(?=[.,;:!?])|(?<=[.;:!?]),", "", text)
    return text.strip().lstrip(",;: ").strip()
