"""Dates, years and decades."""

import re

from wavcube.generation.tts.text.normalization.number_words import cardinal, ordinal, plural, year

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SHORT = {month[:3].lower(): month for month in MONTHS} | {"sept": "September"}
_MONTH = rf"(?P<month>{'|'.join(MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?)"
_YEAR = r"(?P<year>1\d{3}|20\d{2})"
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:(?:,\s*|\s+){_YEAR})?(?![\w:]|[.,]\d)")
_DAY_FIRST = re.compile(
    rf"\b(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?(?![\w:])"
)
_ISO = re.compile(r"\b(?P<year>1\d{3}|20\d{2})-(?P<month>0\d|1[0-2])-(?P<day>[0-2]\d|3[01])(?=T\d|\b)")
_SLASHES = re.compile(
    r"(?<![\w/.])(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2})(?P=mark)(?P<year>1\d{3}|20\d{2})(?![\w/])"
)
_DECADE = re.compile(r"(?<![\w.,$€£])(?P<mark>')?(?P<century>1\d|20)?(?P<ten>\d)0'?s\b")
_SHORT_YEAR = re.compile(r"(?<!\w)'(?P<year>\d\d)\b(?!')")
_AFTER_YEAR_WORD = re.compile(
    r"\b(?P<word>in|since|until|till|by|before|after|during|around|circa|of|from|year|early|late|mid|and|to|spring|summer"
    r"|autumn|fall|winter|©)(?P<space>\s+)(?P<year>1\d{3}|20\d{2})(?![\w,]\d|[\w%]|[.]\d)",
    re.IGNORECASE,
)
_ERA = re.compile(r"\b(?P<year>\d{1,4})(?=\s*(?:AD|BC|BCE|CE)\b)")
_BARE = re.compile(r"(?<![\w.,/+-])(?P<year>1[1-9]\d{2}|20\d{2})(?![\w/]|[.,]\d)")


def say_dates(text: str) -> str:
    """Dates as days of a month, years in pairs, decades by name."""
    text = _ISO.sub(lambda m: _date(MONTHS[int(m["month"]) - 1], m["day"], m["year"]), text)
    text = _SLASHES.sub(_with_slashes, text)
    text = _MONTH_FIRST.sub(lambda m: _date(_name(m["month"]), m["day"], m["year"]) or m[0], text)
    text = _DAY_FIRST.sub(_day_first, text)
    text = _DECADE.sub(_decade, text)
    text = _SHORT_YEAR.sub(lambda m: year(1900 + int(m["year"])).removeprefix("nineteen "), text)
    text = _ERA.sub(lambda m: _year(m["year"]), text)
    return _AFTER_YEAR_WORD.sub(lambda m: m["word"] + m["space"] + _year(m["year"]), text)


def say_bare_years(text: str) -> str:
    """Numbers from 1100 to 2099 that nothing else has read: they are nearly always years."""
    return _BARE.sub(lambda m: m[0] if _counts(m) else _year(m["year"]), text)


def _counts(match: re.Match[str]) -> bool:
    """Whether a number says how many: things in the plural follow, and it is no year of our time."""
    things = re.match(r"\s+(?!was\b|is\b|has\b|its\b|as\b|this\b)[a-z]+s\b", match.string[match.end() :])
    return things is not None and not 1900 <= int(match["year"]) < 2100


def _date(month: str, day: str, of_year: str | None) -> str:
    if not 1 <= int(day) <= 31:
        return ""
    return f"{month} {ordinal(int(day))}" + (f", {_year(of_year)}" if of_year else "")


def _day_first(match: re.Match[str]) -> str:
    if not 1 <= int(match["day"]) <= 31:
        return match[0]
    said = f"the {ordinal(int(match['day']))} of {_name(match['month'])}"
    return said + (f", {_year(match['year'])}" if match["year"] else "")


def _with_slashes(match: re.Match[str]) -> str:
    """12/25/2024 is American unless its first number is no month; 25.12.2024 begins with the day."""
    first, second = int(match["first"]), int(match["second"])
    month, day = (second, first) if match["mark"] == "." or first > 12 else (first, second)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return _date(MONTHS[month - 1], str(day), match["year"])


def _decade(match: re.Match[str]) -> str:
    ten, century = int(match["ten"]), match["century"]
    if ten == 0:
        if century is None:
            return match[0] if match["mark"] is None else "two thousands"
        return "two thousands" if century == "20" else f"{cardinal(int(century))} hundreds"
    said = plural(cardinal(10 * ten))
    return said if century is None else f"{cardinal(int(century))} {said}"


def _name(month: str) -> str:
    return _SHORT.get(month.rstrip(".").lower(), month)


def _year(text: str) -> str:
    number = int(text)
    return year(number) if 1000 <= number < 3000 else cardinal(number)
