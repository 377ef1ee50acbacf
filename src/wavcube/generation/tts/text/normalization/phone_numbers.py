"""Telephone numbers, digit by digit, with a pause between groups."""

import re

from wavcube.generation.tts.text.normalization.number_words import digits

_PHONE = re.compile(
    r"(?<![\w.$€£])(?:"
    r"\+\d{1,3}(?:[\s.-]?\(?\d{1,4}\)?){2,6}"  # +44 20 7946 0958
    r"|(?:1[\s.-])?\(\d{3}\)\s?\d{3}[\s.-]\d{4}"  # (555) 123-4567
    r"|(?:1[-.])?\d{3}([-.])\d{3}\1\d{4}"  # 1-800-555-0199
    r"|\(0\d{2,5}\)\s?\d{3,4}(?:[\s-]?\d{2,4})?"  # (020) 7946 0958
    r"|0\d{2,4}[\s-]\d{3,4}[\s-]\d{3,4}"  # 020 7946 0958
    r"|\d{3}-\d{4}"  # 555-1234
    r")(?![\w-]|\.\d)"
)
LEAST_DIGITS = 7


def say_phone_numbers(text: str) -> str:
    return _PHONE.sub(_say, text)


def _say(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if len("".join(groups)) < LEAST_DIGITS:
        return match[0]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(map(digits, groups))
