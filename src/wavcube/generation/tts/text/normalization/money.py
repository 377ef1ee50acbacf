# ruff: noqa: RUF001 (signs and letters that look like others)
"""Amounts of money."""

import re

from wavcube.generation.tts.text.normalization.number_words import NUMBER, cardinal, number

# Sign or code: one, several, one hundredth, several hundredths.
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
}
_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CHF": "CHF"}
_COUNTRIES = {"US": "US", "A": "Australian", "AU": "Australian", "CA": "Canadian", "C": "Canadian", "NZ": "New Zealand",
              "HK": "Hong Kong", "S": "Singapore"}  # fmt: skip
_MAGNITUDES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mm": "million",
    "MM": "million", "b": "billion", "B": "billion", "bn": "billion", "Bn": "billion", "t": "trillion",
    "T": "trillion", "tn": "trillion", "thousand": "thousand", "million": "million", "billion": "billion",
    "trillion": "trillion", "hundred": "hundred",
}  # fmt: skip
_LETTERS = "|".join(sorted(_MAGNITUDES, key=len, reverse=True))
_MAGNITUDE = rf"(?:(?:\s?(?:thousand|million|billion|trillion)|(?:{_LETTERS}))(?![A-Za-z]))"
_SIGN = r"(?P<sign>[$€£¥₹₩₽₺₿]|(?:USD|EUR|GBP|JPY|INR|CHF)\s?)"
_BEFORE = re.compile(
    rf"(?P<minus>(?<![\w)])[-−])?(?:\b(?P<country>US|AU?|CA?|NZ|HK|S))?"
    rf"{_SIGN}\s?(?P<first>{NUMBER})(?P<first_magnitude>{_MAGNITUDE})?"
    rf"(?:\s?[-–]\s?[$€£¥]?(?P<second>{NUMBER})(?P<second_magnitude>{_MAGNITUDE})?)?(?![\d])"
)
_BEHIND = re.compile(
    rf"(?<![\w.,])(?P<first>{NUMBER})(?P<first_magnitude>{_MAGNITUDE})?(?:\s?[-–]\s?(?P<second>{NUMBER})(?P<second_magnitude>{_MAGNITUDE})?)?"
    r"\s?(?P<sign>[€£¥₹₩₽₺₿$](?!\d)|(?:USD|EUR|GBP|JPY|INR|CHF)\b)"
)
_DECIMAL_COMMA = re.compile(r"(?<=€\d),(?=\d\d(?!\d))|(?<=€\d\d),(?=\d\d(?!\d))|(?<=\d),(?=\d\d\s?€)")
_CENTS = re.compile(rf"(?P<first>{NUMBER})\s?¢")
_PER = re.compile(r"(?<=[a-z])/(?P<what>month|mo|year|yr|week|wk|day|hour|hr|h|person|night|kg|kWh|unit|share)\b")
_PERIODS = {
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "hr": "hour",
    "h": "hour",
    "kg": "kilogram",
    "kWh": "kilowatt hour",
}


def say_money(text: str) -> str:
    """Five million dollars; one point five billion dollars; three dollars and fifty cents."""
    text = _DECIMAL_COMMA.sub(".", text)
    text, before = _BEFORE.subn(_say, text)
    text, behind = _BEHIND.subn(_say, text)
    text = _CENTS.sub(lambda m: f"{number(m['first'])} {'cent' if m['first'] == '1' else 'cents'}", text)
    return _PER.sub(lambda m: f" per {_PERIODS.get(m['what'], m['what'])}", text) if before or behind else text


def _say(match: re.Match[str]) -> str:
    groups = match.groupdict()
    sign = groups["sign"].strip()
    names = _CURRENCIES[_CODES.get(sign, sign)]
    country = f"{_COUNTRIES[groups['country']]} " if groups.get("country") else ""
    first, second = groups["first"], groups["second"]
    first_magnitude, second_magnitude = _magnitude(groups["first_magnitude"]), _magnitude(groups["second_magnitude"])
    minus = "minus " if groups.get("minus") else ""
    if second:
        last = f"{number(second)} {second_magnitude}".strip()
        return f"{minus}{f'{number(first)} {first_magnitude}'.strip()} to {last} {country}{names[1]}"
    if first_magnitude:
        return f"{minus}{number(first)} {first_magnitude} {country}{names[1]}"
    whole, _, part = first.replace(",", "").partition(".")
    if len(part) != 2 or not names[2]:
        return f"{minus}{number(first)} {country}{names[0 if first == '1' else 1]}"
    hundredths = int(part)
    parts = []
    if int(whole or 0) or not hundredths:
        parts.append(f"{number(whole or '0')} {country}{names[0 if int(whole or 0) == 1 else 1]}")
    if hundredths:
        parts.append(f"{cardinal(hundredths)} {names[2 if hundredths == 1 else 3]}")
    return minus + " and ".join(parts)


def _magnitude(text: str | None) -> str:
    return _MAGNITUDES[text.strip()] if text else ""
