# ruff: noqa: RUF001 (signs and letters that look like others)
"""Parts of a text that a model cannot say: they are found and reported, and the rest is spoken."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from wavcube.generation.tts.text.letters import plain_letter
from wavcube.generation.tts.text.normalization.symbols import SAYABLE

SHOWN = 8
"""Parts that a report names."""

_SCRIPTS = {"ar": "ARABIC", "fa": "ARABIC", "ru": "CYRILLIC"} | dict.fromkeys(
    ("cs", "de", "en", "es", "fr", "it", "lb", "nl", "pt", "sv", "sw"), "LATIN"
)
"""Of the languages that gruut knows. Text of other languages is not looked at."""

_FRACTIONS_AND_POWERS = frozenset("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁄№℃℉ªº♯")


@dataclass(frozen=True)
class Unspoken:
    """Part of a text that is not said.

    Attributes:
        text: as it is written.
        position: of its first character in the whole text, from 0; -1 where it is not known.
    """

    text: str
    position: int


def other_scripts(text: str, language: str) -> list[Unspoken]:
    """Runs of characters that a language has no sound for: letters of other scripts, pictures, rare signs."""
    script = _SCRIPTS.get(language.partition("-")[0].lower())
    if script is None:
        return []
    found: list[Unspoken] = []
    end = -1
    for position, character in enumerate(text):
        if _sayable(character, script):
            continue
        if found and position == end:
            found[-1] = Unspoken(found[-1].text + character, found[-1].position)
        else:
            found.append(Unspoken(character, position))
        end = position + 1
    return found


def without(text: str, parts: Sequence[Unspoken]) -> str:
    """A text with a space in the place of each part."""
    pieces, begin = [], 0
    for part in parts:
        pieces.append(text[begin : part.position])
        begin = part.position + len(part.text)
    return " ".join([*pieces, text[begin:]])


def report(parts: Sequence[Unspoken], text: str) -> str:
    """One line: what is not said, each part once with its first place."""
    first = {part.text: part for part in reversed(parts)}
    named = [f"{part.text!r}{_place(part.position, text)}" for part in sorted(first.values(), key=lambda p: p.position)]
    return ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")


def _place(position: int, text: str) -> str:
    if position < 0:
        return ""
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    return f" at character {column}" + (f" of line {line}" if "\n" in text.strip() else "")


def _sayable(character: str, script: str) -> bool:
    if character.isascii() or character in SAYABLE or character in _FRACTIONS_AND_POWERS:
        return True
    category = unicodedata.category(character)
    if category in ("Mn", "Cf", "Zs") or category.startswith("P"):  # marks, invisible signs, spaces, punctuation
        return True
    if not character.isalpha():
        return character.isdecimal() and script != "LATIN"
    known = unicodedata.name(character, "").startswith(script)
    return known and (script != "LATIN" or plain_letter(character).isascii() or len(character.encode()) == 2)
