# ruff: noqa: RUF001 (signs and letters that look like others)
"""Versions, ordinals, fractions, ranges and what is left of numbers."""

import re

from wavcube.generation.tts.text.normalization.dates import say_bare_years
from wavcube.generation.tts.text.normalization.number_words import (
    NUMBER,
    amount,
    cardinal,
    fraction,
    number,
    ordinal,
    plural,
    year,
)

_GLYPHS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_FIXED = {"24/7": "twenty four seven", "9/11": "nine eleven", "50/50": "fifty fifty", "20/20": "twenty twenty",
          "4x4": "four by four", "911": "nine one one"}  # fmt: skip
_MAGNITUDES = {"k": "thousand", "M": "million", "bn": "billion", "B": "billion", "mn": "million"}

_GLUED_GLYPH = re.compile(rf"(?<=\d)(?=[{''.join(_GLYPHS)}])")
_VERSION_SIGN = re.compile(r"\b[vV](?:er)?\.?\s?(?=\d)(?P<number>\d+(?:\.\d+)*)(?P<rest>[a-z]\w*)?\b")
_DOTTED = re.compile(r"(?<![\w.])\d+(?:\.\d+){2,}(?![\w.]*\d)")
_ORDINAL = re.compile(r"(?<![\w.])(?P<number>\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH|º|ª)\b")
_FIXED_FORMS = re.compile(r"(?<![\w/.])(?:24/7|9/11|50/50|20/20|4x4|911)(?![\w/])")
_FRACTION = re.compile(r"(?<![\w/.])(?:(?P<whole>\d+)[\s-])?(?P<top>\d{1,3})[/⁄](?P<bottom>\d{1,4})(?![\w/]|\.\d)")
_RATIO = re.compile(r"(?<![\w:.])(?P<first>\d{1,4}):(?P<second>\d{1,4})(?![\w:])")
_RANGE = re.compile(
    rf"(?<![\w.,-])(?P<first>{NUMBER})(?P<magnitude>k|M|bn)?\s?[-–]\s?(?P<second>{NUMBER})(?!\w|-\d|\.\d)"
)
_MAGNITUDE = re.compile(rf"(?<![\w.])(?P<number>{NUMBER})(?P<magnitude>k|mn|M|bn|B)(?![\w])")
_NUMBER_SIGN = re.compile(r"(?<!\w)(?:#|№\s?|[Nn][oº]\.\s?)(?=\d)")
_NEGATIVE = re.compile(r"(?<![\w.)\]])[-−](?=\.?\d)")
_PLURAL = re.compile(r"(?<![\w.])(?P<number>\d+)'?s\b")
_LETTER_DIGIT = re.compile(r"(?<=[^\W\d_])-?(?=\d)|(?<=\d)-?(?=[^\W\d_])")
_NUMBER = re.compile(NUMBER)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = re.compile(r"(?<=[\w)])(?:\^(?P<caret>-?\d+)|(?P<super>[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
_YEARS = range(1100, 2100)


def say_numbers(text: str) -> str:
    """All digits of a text in words; what they stand for is found by how they are written."""
    for glyph, written in _GLYPHS.items():
        if glyph in text:
            text = _GLUED_GLYPH.sub(" ", text).replace(glyph, written)
    text = _NUMBER_SIGN.sub("number ", text)
    text = _FIXED_FORMS.sub(lambda m: _FIXED[m[0]], text)
    text = _POWER.sub(_power, text)
    text = _VERSION_SIGN.sub(lambda m: f"version {_dotted(m['number'])}{' ' + m['rest'] if m['rest'] else ''}", text)
    text = _DOTTED.sub(lambda m: _dotted(m[0]), text)
    text = _ORDINAL.sub(lambda m: ordinal(int(m["number"].replace(",", ""))), text)
    text = _FRACTION.sub(_fraction, text)
    text = _RATIO.sub(lambda m: f"{number(m['first'])} to {number(m['second'])}", text)
    text = _RANGE.sub(_range, text)
    text = _MAGNITUDE.sub(lambda m: f"{number(m['number'])} {_MAGNITUDES[m['magnitude']]}", text)
    text = _PLURAL.sub(_plural, text)
    text = _NEGATIVE.sub("minus ", text)
    text = _LETTER_DIGIT.sub(" ", say_bare_years(text))
    return _NUMBER.sub(lambda m: f" {number(m[0])} ", text)


def _dotted(text: str) -> str:
    return " point ".join(number(part) for part in text.split("."))


def _fraction(match: re.Match[str]) -> str:
    if int(match["bottom"]) == 0:
        return f"{number(match['top'])} over zero"
    if match["whole"]:
        return amount(f"{match['whole']} {match['top']}/{match['bottom']}")
    return fraction(int(match["top"]), int(match["bottom"]))


def _range(match: re.Match[str]) -> str:
    first, second = match["first"], match["second"]
    said = number(first)
    if match["magnitude"]:
        return f"{said} {_MAGNITUDES[match['magnitude']]} to {number(second)}"
    if first.isdecimal() and len(first) == 4 and int(first) in _YEARS:
        if len(second) == 4:
            return f"{year(int(first))} to {year(int(second))}"
        if len(second) == 2 and int(second) > int(first) % 100:
            return f"{year(int(first))} to {cardinal(int(second))}"
    return f"{said} to {number(second)}"


def _plural(match: re.Match[str]) -> str:
    """Tens and sixes; of other numbers the letter is the unit."""
    value = int(match["number"])
    if re.match(r"\s+of\b", match.string[match.end() :]):
        return plural(cardinal(value)).removeprefix("one ")
    if value < 10 or value % 10 == 0:
        return plural(cardinal(value)) if value % 10 == 0 or "'" in match[0] else f"{cardinal(value)} seconds"
    return f"{cardinal(value)} seconds" if "'" not in match[0] else plural(cardinal(value))


def _power(match: re.Match[str]) -> str:
    exponent = match["caret"] or match["super"].translate(_SUPERSCRIPT)
    if exponent in ("2", "3"):
        return " squared " if exponent == "2" else " cubed "
    minus = "minus " if exponent.startswith("-") else ""
    return f" to the power of {minus}{number(exponent.lstrip('-'))} "
