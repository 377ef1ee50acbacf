# ruff: noqa: RUF001 (signs and letters that look like others)
"""Times of day."""

import re

from wavcube.generation.tts.text.normalization.number_words import cardinal

_HALF = r"(?:\s?(?P<half>[AaPp])\.?\s?[Mm]\b\.?)"
_CLOCK = re.compile(
    rf"(?<![\d:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?{_HALF}?(?![\d:])"
)
_HOUR = re.compile(rf"(?<![\d:.])(?P<hour>1[0-2]|0?[1-9]){_HALF}(?!\w)")
_BETWEEN = re.compile(r"(?<=[AaPp][Mm])\s?[-–]\s?(?=\d)|(?<=:\d\d)\s?[-–]\s?(?=\d{1,2}:\d\d)")
_HOURS = re.compile(r"(?<![\d:.])(?P<first>1[0-2]|[1-9])\s?-\s?(?=(?:1[0-2]|[1-9])(?::\d\d)?\s?[AaPp]\.?[Mm]\b)")


def say_times(text: str) -> str:
    """Twenty three fifty nine; nine oh five; eleven o'clock; five thirty pee em."""
    text = _BETWEEN.sub(" to ", text)
    text = _HOURS.sub(lambda m: f"{cardinal(int(m['first']))} to ", text)
    return _HOUR.sub(_say, _CLOCK.sub(_say, text))


def _say(match: re.Match[str]) -> str:
    groups = match.groupdict()
    minute, second, half = groups.get("minute"), groups.get("second"), groups["half"]
    said = cardinal(int(match["hour"]))
    if minute is not None and not (int(minute) == 0 and half):
        if int(minute) == 0:
            said += " hundred" if int(match["hour"]) > 12 else " o'clock"
        else:
            said += f" {'oh ' if int(minute) < 10 else ''}{cardinal(int(minute))}"
    if second is not None:
        said += f" and {cardinal(int(second))} second{'' if int(second) == 1 else 's'}"
    if half:
        said += f" {'ay' if half in 'Aa' else 'pee'} em"
        # A full stop that ends the sentence as well, before another or at the end of the text.
        rest = match.string[match.end() :]
        if match[0].endswith(".") and (not rest.strip() or re.match(r"\s+[A-Z\"'(]", rest)):
            said += "."
    return said
