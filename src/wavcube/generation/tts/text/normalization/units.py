# ruff: noqa: RUF001 (signs and letters that look like others)
"""Quantities with a unit."""

import re

from wavcube.generation.tts.text.normalization.number_words import NUMBER, amount

_METRIC = {
    "k": "kilo",
    "M": "mega",
    "G": "giga",
    "T": "tera",
    "c": "centi",
    "m": "milli",
    "µ": "micro",
    "n": "nano",
    "h": "hecto",
    "d": "deci",
}


def _with_prefixes(symbol: str, one: str, more: str, prefixes: str) -> dict[str, tuple[str, str]]:
    return {prefix + symbol: (_METRIC[prefix] + one, _METRIC[prefix] + more) for prefix in prefixes}


_UNITS: dict[str, tuple[str, str]] = {
    "m": ("meter", "meters"), **_with_prefixes("m", "meter", "meters", "kcmµnd"), "g": ("gram", "grams"),
    **_with_prefixes("g", "gram", "grams", "kmµn"), "s": ("second", "seconds"),
    **_with_prefixes("s", "second", "seconds", "mµn"), "L": ("liter", "liters"), "l": ("liter", "liters"),
    **_with_prefixes("l", "liter", "liters", "mcdµ"), **_with_prefixes("L", "liter", "liters", "mcdµ"),
    "Hz": ("hertz", "hertz"), **_with_prefixes("Hz", "hertz", "hertz", "kMGT"), "KHz": ("kilohertz", "kilohertz"),
    "W": ("watt", "watts"), **_with_prefixes("W", "watt", "watts", "kMGTm"), "Wh": ("watt hour", "watt hours"),
    **_with_prefixes("Wh", "watt hour", "watt hours", "kMGT"), "V": ("volt", "volts"),
    **_with_prefixes("V", "volt", "volts", "kMmµ"), "A": ("amp", "amps"), "mA": ("milliamp", "milliamps"),
    "mAh": ("milliamp hour", "milliamp hours"), "Ω": ("ohm", "ohms"), "kΩ": ("kiloohm", "kiloohms"),
    "MΩ": ("megaohm", "megaohms"), "J": ("joule", "joules"), **_with_prefixes("J", "joule", "joules", "kM"),
    "N": ("newton", "newtons"), "kN": ("kilonewton", "kilonewtons"), "Pa": ("pascal", "pascals"),
    **_with_prefixes("Pa", "pascal", "pascals", "khM"), "cal": ("calorie", "calories"),
    "kcal": ("kilocalorie", "kilocalories"), "dB": ("decibel", "decibels"), "bit": ("bit", "bits"),
    "B": ("byte", "bytes"), **_with_prefixes("B", "byte", "bytes", "kMGT"), "KB": ("kilobyte", "kilobytes"),
    "PB": ("petabyte", "petabytes"), "KiB": ("kibibyte", "kibibytes"), "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "kbit": ("kilobit", "kilobits"), "Mbit": ("megabit", "megabits"), "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"), "K": ("kelvin", "kelvins"),
    "%": ("percent", "percent"), "‰": ("per mille", "per mille"),
    "km/h": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"),
    "m/s²": ("meter per second squared", "meters per second squared"),
    "rpm": ("revolution per minute", "revolutions per minute"), "fps": ("frame per second", "frames per second"),
    "mi": ("mile", "miles"), "yd": ("yard", "yards"), "ft": ("foot", "feet"), "in.": ("inch", "inches"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "gal": ("gallon", "gallons"),
    "ha": ("hectare", "hectares"), "px": ("pixel", "pixels"), "dpi": ("dot per inch", "dots per inch"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"), "sec": ("second", "seconds"), "secs": ("second", "seconds"), "yr": ("year", "years"),
    "yrs": ("year", "years"), "sq ft": ("square foot", "square feet"), "sq mi": ("square mile", "square miles"),
    "ppm": ("part per million", "parts per million"), "″": ("inch", "inches"), "′": ("foot", "feet"),
    "x": ("time", "times"), "×": ("time", "times"),
}  # fmt: skip
for _symbol in ("m", "km", "cm", "mm", "mi", "ft"):
    for _power, _word in (("²", "square"), ("³", "cubic"), ("2", "square"), ("3", "cubic")):
        _UNITS[_symbol + _power] = (f"{_word} {_UNITS[_symbol][0]}", f"{_word} {_UNITS[_symbol][1]}")

_TIGHT = frozenset({"A", "K", "B", "h", "x", "×", "N", "in.", "″", "′", "L", "l", "V", "W", "J", "g", "s", "m"})
"""Also letters and words of their own: in a range or glued to the number, or where a space separates them and nothing
but the end of the phrase follows."""

_FOLLOWING = re.compile(
    r"\s*(?:[.,;:!?)]|$)|\s+(?:tall|long|wide|high|deep|thick|away|apart|of|per|and|or|at|from|to|by|in|is|was|for|with|on"
    r"|each|later|ago)\b"
)
_LETTERS_GLUED = frozenset("AKB")
"""Letters where they are glued to a number: 4K, 5A; 7B is seven billion."""

_ALONE = frozenset(
    [
        "km",
        "kg",
        "mg",
        "cm",
        "mm",
        "µm",
        "nm",
        "kHz",
        "MHz",
        "GHz",
        "Hz",
        "kWh",
        "km/h",
        "mph",
        "°C",
        "°F",
        "kB",
        "MB",
        "GB",
        "TB",
        "kbps",
        "Mbps",
        "Gbps",
        "kW",
        "MW",
        "dB",
        "ml",
        "mL",
        "lbs",
        "km²",
        "m²",
        "m³",
        "rpm",
    ]
)
"""Said in full without a number, too."""

_NAMES = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_AMOUNT = rf"(?:\d+\s\d+/\d+|\d+/\d+|{NUMBER})"
_SPACE = "[\\s-]?"
_QUANTITY = re.compile(
    rf"(?P<minus>(?<![\w.)])[-−])?(?<![\w.,/:])(?P<first>{_AMOUNT})(?:\s?(?:{_NAMES})?\s?(?P<to>[-–]|to|×|x)\s?(?P<second>{_AMOUNT}))?"
    rf"(?P<space>{_SPACE})(?P<unit>{_NAMES})(?![A-Za-z0-9²³°])(?!'[a-z])"
)
_STANDS_ALONE = re.compile(
    rf"(?<![\w/°])(?:{'|'.join(re.escape(u) for u in sorted(_ALONE, key=len, reverse=True))})(?![\w/²³])"
)
_FEET_AND_INCHES = re.compile(r"(?<![\w.'])(?P<feet>\d)['′]\s?(?P<inches>\d{1,2})[\"″]")
_RATE = re.compile(r"(?<=[a-z])/(?P<unit>s|sec|min|h|hr|day|week|month|year|kg|g|l|L|m²|m³|m|km)(?![\w])")


def say_units(text: str) -> str:
    """Five kilometers; one gram; ten to twenty percent; three point five times; megahertz."""
    text = text.replace("μ", "µ").replace("℃", "°C").replace("℉", "°F").replace("º", "°").replace("° C", "°C")
    text = _FEET_AND_INCHES.sub(lambda m: f"{amount(m['feet'])} foot {amount(m['inches'])}", text)
    text, count = _QUANTITY.subn(_say, text)
    if count:
        text = _RATE.sub(lambda m: f" per {_UNITS[m['unit']][0] if m['unit'] in _UNITS else m['unit']}", text)
    return _STANDS_ALONE.sub(lambda m: _UNITS[m[0]][1], text)


def _say(match: re.Match[str]) -> str:
    unit, first, second = match["unit"], match["first"], match["second"]
    if unit in _TIGHT and match["space"] and not _FOLLOWING.match(match.string[match.end() :]):
        return match[0]  # 5 A students, 2 x 3
    if match["space"] == "-" and unit in _TIGHT:
        return match[0]
    if not match["space"] and (
        unit in _LETTERS_GLUED or (unit == "s" and match.string[match.end() :].startswith(" of "))
    ):
        return match[0]
    one, more = _UNITS[unit]
    minus = "minus " if match["minus"] else ""
    if second is None:
        return f"{minus}{amount(first)} {one if first in ('1', '1/2', '1/4', '3/4') else more}"
    between = "by" if match["to"] in "×x" else "to"
    return f"{minus}{amount(first)} {between} {amount(second)} {more}"
