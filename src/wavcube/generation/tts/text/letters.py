# ruff: noqa: RUF001 (signs and letters that look like others)
"""Latin letters with marks, for languages that do not have them."""

import unicodedata

_OWN = {
    "en": "", "de": "äöüßÄÖÜ", "fr": "àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ", "es": "áéíóúüñÁÉÍÓÚÜÑ",
    "it": "àèéìíòóùúÀÈÉÌÍÒÓÙÚ", "pt": "áâãàçéêíóôõúÁÂÃÀÇÉÊÍÓÔÕÚ", "nl": "áéíóúëïöüÁÉÍÓÚËÏÖÜ", "sv": "åäöéÅÄÖÉ",
    "cs": "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ",
}  # fmt: skip
"""Letters with marks that a language writes itself; of a language that is not here all letters stay."""

_WHOLE = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
     "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "ﬁ": "fi", "ﬂ": "fl"}
)  # fmt: skip


def without_accents(word: str, language: str) -> str:
    """A word with the marks removed that `language` (such as en-us) does not write: café -> cafe in English."""
    if word.isascii():
        return word
    own = _OWN.get(language.partition("-")[0].lower())
    return word if own is None else "".join(letter if letter in own else plain_letter(letter) for letter in word)


def plain_letter(letter: str) -> str:
    """A Latin letter without its marks; any other character as it is."""
    replaced = letter.translate(_WHOLE)
    if replaced != letter:
        return replaced
    base = "".join(part for part in unicodedata.normalize("NFD", letter) if not unicodedata.combining(part))
    return base if base.isascii() and base else letter
