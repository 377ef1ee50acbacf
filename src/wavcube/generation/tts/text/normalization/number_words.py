"""Numbers in words."""

import re

from wavcube.errors import MissingDependencyError

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
"""A number as it is written in English: 5, 1,234.50, .5."""

LONGEST = 15
"""Digits of a number that is read as one; longer ones are read digit by digit."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_DENOMINATORS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def cardinal(number: int) -> str:
    return _words(number, "cardinal")


def ordinal(number: int) -> str:
    return _words(number, "ordinal")


def digits(text: str) -> str:
    """Every digit of a text, one by one."""
    return " ".join(DIGITS[int(digit)] for digit in text if digit.isdecimal())


def year(number: int) -> str:
    """A year from 1000 to 2999: nineteen ninety, nineteen oh five, nineteen hundred, two thousand six."""
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number).replace(" and ", " ")
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def number(text: str) -> str:
    """A number of the form of `NUMBER`; leading zeros are said."""
    plain = text.replace(",", "")
    whole, _, fraction = plain.partition(".")
    if fraction:
        return f"{number(whole or '0')} point {digits(fraction)}"
    if len(whole) > LONGEST or (len(whole) > 1 and whole.startswith("0")):
        return digits(whole)
    return cardinal(int(whole))


def amount(text: str) -> str:
    """A number, a fraction or a mixed number: 5, 2.5, 1/2, 2 1/2."""
    mixed = re.fullmatch(r"(?:(\d+)\s+)?(\d+)/(\d+)", text.strip())
    if not mixed:
        return number(text.strip())
    part = fraction(int(mixed[2]), int(mixed[3]))
    return f"{cardinal(int(mixed[1]))} and {'a ' + part[4:] if part.startswith('one ') else part}" if mixed[1] else part


def fraction(numerator: int, denominator: int) -> str:
    """One half, three quarters, five eighths; five over forty three where it has no name of its own."""
    if denominator not in {*range(2, 21), 25, 32, 40, 50, 60, 64, 100, 1000} or numerator == 0:
        return f"{cardinal(numerator)} over {cardinal(denominator)}"
    one, more = _DENOMINATORS.get(denominator, (ordinal(denominator), f"{ordinal(denominator)}s"))
    return f"{cardinal(numerator)} {one if numerator == 1 else more}"


def plural(words: str) -> str:
    """The plural of a number's words: nineties, sixes, hundreds."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("x") else f"{words}s"


def _words(number: int, form: str) -> str:
    try:
        from num2words import num2words
    except ImportError as error:
        raise MissingDependencyError('numbers in words need num2words: pip install "wavcube[tts]"') from error
    return num2words(number, to=form).replace(",", "").replace("-", " ")
