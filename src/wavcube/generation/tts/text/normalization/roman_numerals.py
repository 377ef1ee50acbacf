"""Roman numerals."""

import re

from wavcube.generation.tts.text.normalization.number_words import cardinal, ordinal, year

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_FORM = "M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_NUMERAL = re.compile(rf"\b(?=[IVXLCDM])(?P<numeral>{_FORM})(?!\w)(?![&'.]\w)")
_RULERS = frozenset(
    [
        "Henry",
        "Edward",
        "George",
        "William",
        "Charles",
        "James",
        "Richard",
        "John",
        "Louis",
        "Philip",
        "Elizabeth",
        "Mary",
        "Catherine",
        "Frederick",
        "Napoleon",
        "Leo",
        "Pius",
        "Benedict",
        "Gregory",
        "Clement",
        "Innocent",
        "Alexander",
        "Nicholas",
        "Ivan",
        "Peter",
        "Paul",
        "Francis",
        "Ferdinand",
        "Alfonso",
        "Wilhelm",
        "Otto",
        "Gustav",
        "Christian",
        "Haakon",
        "Olav",
        "Harald",
        "Leopold",
        "Albert",
        "Ramses",
        "Ptolemy",
        "Cleopatra",
        "Darius",
        "Xerxes",
        "Felipe",
        "Carlos",
        "Umberto",
        "Victoria",
        "Urban",
        "Boniface",
        "Sixtus",
        "Julius",
        "Adrian",
        "Stephen",
        "Henri",
        "Karl",
        "Joseph",
        "Robert",
        "Malcolm",
        "David",
        "Constantine",
        "Theodosius",
        "Margaret",
        "Juan",
        "Pedro",
        "Maximilian",
        "Rudolf",
        "Ludwig",
        "Vlad",
        "Mehmed",
        "Murad",
        "Suleiman",
        "Abdul",
        "Isabella",
        "Anne",
        "Charlemagne",
    ]
)
_KINDS = frozenset(
    [
        "chapter",
        "part",
        "volume",
        "book",
        "act",
        "scene",
        "section",
        "article",
        "appendix",
        "war",
        "phase",
        "stage",
        "type",
        "class",
        "level",
        "title",
        "episode",
        "season",
        "division",
        "group",
        "table",
        "figure",
        "quadrant",
        "cranial",
        "superbowl",
        "bowl",
        "tier",
        "grade",
        "rocky",
        "unit",
        "module",
        "lesson",
        "mark",
        "apollo",
        "saturn",
        "amendment",
        "canto",
        "psalm",
        "rome",
        "final",
        "fantasy",
    ]
)
_ALSO_LETTERS = frozenset({
    "CD", "DC", "MC", "MD", "CV", "DI", "LI", "MI", "ML", "MM", "CC", "DM", "XL", "XX", "MIX", "DIM", "LIV", "CI",
    "CM", "DV", "DX", "LC", "LD", "LL", "MV", "MX", "VC", "CDI", "DVI", "MDI", "CIV", "DIV",
})  # fmt: skip
_RARE = frozenset("LCDM")  # class D is a letter
_SINGLE = frozenset("IVXLCDM")


def say_roman_numerals(text: str) -> str:
    """Louis the fourteenth; chapter four; World War two; fourteen."""
    return _NUMERAL.sub(_say, text)


def value(numeral: str) -> int:
    """The number of a Roman numeral."""
    numbers = [_VALUES[letter] for letter in numeral]
    return sum(-one if following > one else one for one, following in zip(numbers, [*numbers[1:], 0], strict=True))


def _say(match: re.Match[str]) -> str:
    numeral = match["numeral"]
    before = match.string[: match.start()].rstrip(" ").rpartition(" ")[2].strip("(\"'")
    number = value(numeral)
    if before in _RULERS and number < 40 and not (numeral == "I" and _verb_follows(match)):
        return f"the {ordinal(number)}"
    if before.lower() in _KINDS and numeral not in _RARE and not (numeral == "I" and _verb_follows(match)):
        return cardinal(number)
    if numeral in _SINGLE or numeral in _ALSO_LETTERS:
        return numeral
    return year(number) if 1100 <= number < 2100 else cardinal(number)


def _verb_follows(match: re.Match[str]) -> bool:
    """Whether an I is more likely the pronoun: a word in small letters that is no preposition comes next."""
    following = re.match(r"\s+([a-z']+)", match.string[match.end() :])
    return following is not None and following[1] not in {
        "of",
        "was",
        "is",
        "and",
        "in",
        "to",
        "for",
        "by",
        "on",
        "the",
    }
