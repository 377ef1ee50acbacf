"""Abbreviations with a full stop, and some without."""

import re

from wavcube.generation.tts.text.normalization.acronyms import spelt

_TITLES = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor", "Gen": "General",
    "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Cpl": "Corporal", "Maj": "Major",
    "Cmdr": "Commander", "Rev": "Reverend", "Hon": "Honorable", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Pres": "President", "Mt": "Mount", "Ft": "Fort", "Fr": "Father", "Messrs": "Messers",
}  # fmt: skip
"""Before a name, with or without the full stop, which never ends a sentence."""

_STREETS = {
    "St": "Street", "Ave": "Avenue", "Av": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane", "Hwy": "Highway",
    "Sq": "Square", "Pl": "Place", "Dr": "Drive", "Ct": "Court",
}  # fmt: skip

_WORDS = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "vs": "versus",
    "approx.": "approximately", "cf.": "compare", "al.": "al", "viz.": "namely", "ca.": "circa",
    "est.": "established", "dept.": "department", "Dept.": "Department", "Univ.": "University",
    "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company", "Corp.": "Corporation", "Bros.": "Brothers",
    "Jr.": "Junior", "Sr.": "Senior", "Jr": "Junior", "Esq.": "Esquire", "Assn.": "Association",
    "Assoc.": "Associates", "govt.": "government", "Govt.": "Government", "misc.": "miscellaneous",
    "temp.": "temperature", "tel.": "telephone", "Tel.": "Telephone", "ext.": "extension", "max.": "maximum",
    "min.": "minimum", "avg.": "average", "a.k.a.": "also known as", "aka": "also known as", "Mon.": "Monday",
    "Tue.": "Tuesday", "Tues.": "Tuesday", "Wed.": "Wednesday", "Thu.": "Thursday", "Thurs.": "Thursday",
    "Fri.": "Friday", "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September",
    "Oct.": "October", "Nov.": "November", "Dec.": "December", "w/o": "without", "w/": "with ", "b/c": "because",
    "c/o": "care of", "n/a": "not applicable", "N/A": "not applicable", "PhD": "pee aitch dee",
    "Ph.D.": "pee aitch dee", "a.m.": "ay em", "p.m.": "pee em", "A.M.": "ay em", "P.M.": "pee em",
}  # fmt: skip

_BEFORE_NUMBERS = {
    "no.": "number", "No.": "Number", "nos.": "numbers", "fig.": "figure", "Fig.": "Figure", "figs.": "figures",
    "p.": "page", "pp.": "pages", "vol.": "volume", "Vol.": "Volume", "ch.": "chapter", "Ch.": "Chapter",
    "sec.": "section", "Sec.": "Section", "eq.": "equation", "Eq.": "Equation", "art.": "article", "Art.": "Article",
    "ver.": "version",
}  # fmt: skip
"""Only where a number follows."""

_STREET = re.compile(rf"(?<=[a-z\d] )(?P<name>{'|'.join(_STREETS)})\.?(?=\s*(?:,|;|$|\n|[.!?]|\s[a-z]))")
_SAINT = re.compile(r"\bSt\.?(?=\s+[A-Z])")
_TITLE = re.compile(rf"\b(?P<name>{'|'.join(_TITLES)})(?:\.\s*(?=[A-Z])|(?=\s+[A-Z][a-z]))")
_COUPLE = re.compile(r"\b(?P<name>Mr|Mrs|Ms|Dr)\.?(?=\s+(?:and|&)\s+(?:Mr|Mrs|Ms|Dr)\b)")
_INITIAL = re.compile(r"(?<![\w.'])(?P<letter>[A-HJ-Z])\.(?=\s+[A-Z])")
_ARTICLES = frozenset({"The", "A", "My", "Our", "Your", "This"})
_NUMBERED = re.compile(rf"(?<![\w.])(?P<name>{'|'.join(map(re.escape, _BEFORE_NUMBERS))})\s?(?=\d)")
_WORD = re.compile(
    rf"(?<![\w.])(?P<name>{'|'.join(re.escape(one) for one in sorted(_WORDS, key=len, reverse=True))})(?![\w]|\.\w)"
)
_INITIALS = re.compile(r"(?<![\w.])(?:[A-Za-z]\.){2,}(?:[A-Za-z](?![\w]))?")


def say_abbreviations(text: str) -> str:
    """Doctor Smith; Saint John; Main Street; for example; letters with full stops as an initialism, U.S.A. -> USA."""
    text = _NUMBERED.sub(lambda m: f"{_BEFORE_NUMBERS[m['name']]} ", text)
    text = _STREET.sub(_street, text)
    text = _SAINT.sub("Saint", text)
    text = _COUPLE.sub(lambda m: _TITLES[m["name"]], text)
    text = _TITLE.sub(lambda m: f"{_TITLES[m['name']]} " if "." in m[0] else _TITLES[m["name"]], text)
    text = _WORD.sub(lambda m: _WORDS[m["name"]] + (_stop(m) if m["name"].endswith(".") else ""), text)
    text = _INITIAL.sub(_initial, text)
    return _INITIALS.sub(lambda m: m[0].replace(".", "").upper() + (_stop(m) if m[0].endswith(".") else ""), text)


def _street(match: re.Match[str]) -> str:
    """A street has a name with a capital before it, or a number and such a name."""
    before = match.string[: match.start()].split()
    if not before or not before[-1][:1].isupper() or before[-1] in _ARTICLES:
        return match[0]
    rest = match.string[match.end() :]
    return _STREETS[match["name"]] + ("." if match[0].endswith(".") and not rest.strip() else "")


def _initial(match: re.Match[str]) -> str:
    """The initial of a name, at the beginning or behind a capital, ends no sentence."""
    before = match.string[: match.start()].split()
    named = not before or before[-1][:1].isupper() or before[-1].endswith((".", "!", "?"))
    return spelt(match["letter"]) if named else match[0]


def _stop(match: re.Match[str]) -> str:
    """The full stop of an abbreviation ends the sentence too, where the text ends or a capital follows."""
    rest = match.string[match.end() :]
    return (
        "."
        if not rest.strip()
        or (re.match(r"\s+[A-Z][a-z]+\s", rest) and match["name" if match.re is _WORD else 0] in _ENDS)
        else ""
    )


_ENDS = frozenset({"etc.", "Inc.", "Ltd.", "Co.", "Corp.", "Jr.", "Sr.", "a.m.", "p.m.", "A.M.", "P.M.", "Ph.D."})
"""Abbreviations behind which a capital mostly begins a sentence."""
