"""Words in capitals and mixed case: initialisms letter by letter, acronyms as words, camelCase in its parts."""

import re

LETTERS = {
    "a": "ay", "b": "bee", "c": "see", "d": "dee", "e": "ee", "f": "eff", "g": "gee", "h": "aitch", "i": "eye",
    "j": "jay", "k": "kay", "l": "ell", "m": "em", "n": "en", "o": "oh", "p": "pee", "q": "cue", "r": "are",
    "s": "ess", "t": "tee", "u": "you", "v": "vee", "w": "double you", "x": "ex", "y": "why", "z": "zee",
}  # fmt: skip

_AS_WORDS = frozenset([
    "NASA", "NATO", "UNESCO", "UNICEF", "OPEC", "AIDS", "FIFA", "UEFA", "NAFTA", "ASEAN", "SCUBA", "RADAR", "SONAR",
    "LASER", "COVID", "SARS", "JPEG", "GIF", "RAM", "ROM", "SIM", "PIN", "IKEA", "LEGO", "SWAT", "YOLO",
    "CAPTCHA", "NASDAQ", "DRAM", "SRAM", "NAND", "BIOS", "LAN", "WAN", "GUI", "SaaS", "MIDI", "MIMO", "HAZMAT",
    "OSHA", "FEMA", "DARPA", "TED", "TASER", "AWOL", "POTUS", "SCOTUS", "FOMO", "BASIC", "COBOL",
    "FORTRAN", "ASCII", "UNIX", "LINUX", "ANOVA", "LIDAR", "BERT", "LORA", "SPAM", "CERN",
])  # fmt: skip
_INITIALISMS = frozenset([
    "USA", "US", "UK", "EU", "UN", "UAE", "AI", "IT", "TV", "PC", "ID", "HR", "PR", "VR", "AR", "ML", "IP", "IQ",
    "EQ", "DJ", "MC", "MD", "VP", "GM", "BMW", "IBM", "HP", "GE", "AT", "CEO", "CFO", "CTO", "COO", "CPU", "GPU",
    "TPU", "NPU", "API", "URL", "USB", "DVD", "CD", "FBI", "CIA", "NSA", "BBC", "CNN", "NBC", "ABC", "CBS", "HBO",
    "MIT", "UCLA", "NYC", "LA", "DC", "GDP", "GPS", "SMS", "PDF", "FAQ", "DIY", "VIP", "RSVP", "NGO", "PHD", "MBA",
    "BA", "MA", "BS", "AC", "BC", "AD", "CE", "BCE", "AM", "PM", "ETA", "RIP", "OMG", "LOL", "TTS", "ASR", "WER",
    "IEEE", "OECD", "NAACP", "ROI", "ESA", "UFO", "AAA", "SOS", "EMI", "SAP", "SAS", "OS",
])  # fmt: skip
_RESPELT = {
    "JPEG": "jay peg", "SAAS": "sass", "OK": "okay", "PHD": "pee aitch dee", "AWOL": "ay wall", "SQL": "sequel",
    "IEEE": "eye triple ee", "GUI": "gooey", "NAACP": "en double ay see pee", "COVID": "covid", "SCOTUS": "scotus",
    "WIFI": "wifi", "BIOS": "bye oss", "CERN": "surn", "NAND": "nand", "JSON": "jay son", "MR": "mister",
    "MRS": "missus", "DR": "doctor", "ST": "saint",
}  # fmt: skip
_SHORT_WORDS = frozenset([
    "a", "i", "an", "am", "and", "are", "as", "at", "be", "but", "by", "can", "did", "do", "for", "get", "go",
    "had", "has", "have", "he", "her", "him", "his", "how", "if", "in", "into", "is", "it", "its", "let", "me",
    "my", "no", "nor", "not", "now", "of", "off", "oh", "on", "one", "or", "our", "out", "own", "put", "say", "see",
    "she", "so", "the", "too", "top", "two", "up", "use", "was", "way", "we", "who", "why", "will", "yes", "yet",
    "you", "new", "old", "big", "all", "any", "day", "man", "try", "ask", "end", "stop", "help", "wow", "hey", "hi",
    "bye", "please", "love", "free", "sale", "best", "open", "this", "that", "what", "when", "with", "from", "your",
    "they", "them", "then", "than", "very", "just", "only", "also", "over", "here", "there", "never", "ever",
    "must", "need", "want", "know", "us", "am",
])  # fmt: skip
"""Words that are written in capitals for stress, and are no initialisms."""

_COMPACT = re.compile(r"[^\W\d_]*[^\W\d_a-z]+[^\W\d_]*")
_AMPERSAND = re.compile(r"\b(?P<first>[A-Z]{1,3})\s?&\s?(?P<second>[A-Z]{1,2})(?P<plural>s)?\b")
_TOKEN = re.compile(r"[^\W\d_]+(?:_[^\W\d_]+)*(?:'[a-z]+)?")
_PLURAL = re.compile(r"(?P<capitals>[A-Z]{2,})(?P<plural>s|'s|ers|ed)?")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
_NAMES = re.compile(r"(?:Mc|Mac|O'|De|La|Le|Du|Van|Fitz)[A-Z][a-z]+")
_KNOWN_MIXED = {
    "iPhone": "iphone", "iPad": "eye pad", "iPod": "eye pod", "iOS": "eye oh ess", "iCloud": "eye cloud",
    "eBay": "ebay", "YouTube": "youtube", "GitHub": "github", "GitLab": "git lab", "JavaScript": "javascript",
    "macOS": "mac oh ess", "LaTeX": "lay tech", "PhDs": "pee aitch dees", "WiFi": "wifi", "McDonald": "mcdonald",
    "LinkedIn": "linked in", "PyTorch": "pie torch", "DeepMind": "deep mind", "MHz": "megahertz", "kHz": "kilohertz",
    "dB": "decibels",
}  # fmt: skip
_LETTER_CONTEXT = frozenset([
    "vitamin", "plan", "grade", "type", "class", "option", "group", "section", "appendix", "exhibit", "letter",
    "part", "point", "team", "hepatitis", "level", "room", "gate", "terminal", "line",
])  # fmt: skip


def say_acronyms(text: str) -> str:
    """Words of a text as they are read; what is all in capitals is read as words where it has several."""
    text = _AMPERSAND.sub(lambda m: f"{spelt(m['first'])} and {spelt(m['second'])}{'s' if m['plural'] else ''}", text)
    words = re.findall(r"[^\W\d_]+", text)
    longer = [word for word in words if len(word) > 1]
    several = len(longer) > 1 or (len(words) > 1 and any(word.lower() in _SHORT_WORDS for word in longer))
    shouted = several and all(word.isupper() for word in words)
    return _TOKEN.sub(lambda m: _say(m, shouted), text)


def read_word(word: str) -> str:
    """A word of an address: letters where it cannot be pronounced, the parts of camelCase."""
    if word.isupper():
        return _capitals(word, False)
    parts = _CAMEL.split(word)
    return " ".join(spelt(part) if not _pronounceable(part.lower()) else part.lower() for part in parts if part)


def spelt(letters: str) -> str:
    """The names of letters."""
    return " ".join(LETTERS.get(letter.lower(), letter) for letter in letters)


def _say(match: re.Match[str], shouted: bool) -> str:
    word = match[0]
    stem, apostrophe, ending = word.partition("'")
    ending = apostrophe + ending
    if stem in _KNOWN_MIXED:
        return _KNOWN_MIXED[stem] + ending
    if len(stem) == 1:
        return (
            _letter(match, stem) + ending
            if stem.isupper() and not ending.startswith(("'m", "'v", "'l", "'d"))
            else word
        )
    if stem.islower() or (stem[0].isupper() and stem[1:].islower()):
        return word
    capitals = _PLURAL.fullmatch(stem)
    if capitals:
        return _capitals(capitals["capitals"], shouted) + (capitals["plural"] or "") + ending
    if stem.isupper() or _NAMES.fullmatch(stem):
        return (stem.lower() if stem.isupper() else stem) + ending
    parts = [part for part in _CAMEL.split(stem) if part]
    return " ".join(_capitals(part, False) if part.isupper() and len(part) > 1 else part for part in parts) + ending


def _letter(match: re.Match[str], letter: str) -> str:
    """A single capital: the words A and I, else the letter's name."""
    if letter not in "AI":
        return spelt(letter)
    before = match.string[: match.start()].rstrip().rpartition(" ")[2].lower()
    following = match.string[match.end() :]
    if letter == "A" and (before in _LETTER_CONTEXT or re.match(r"\s*(?:$|[.,;:!?)+-](?!\w))", following)):
        return spelt(letter) if before or not match.string[match.end() :].strip() else letter
    return letter


def _capitals(word: str, shouted: bool) -> str:
    if word in _RESPELT:
        return _RESPELT[word]
    lower = word.lower()
    if word in _AS_WORDS or (shouted and lower in _SHORT_WORDS):
        return lower
    if word in _INITIALISMS:
        return spelt(word)
    if lower in _SHORT_WORDS or (shouted and len(word) > 3) or ((shouted or len(word) > 3) and _pronounceable(lower)):
        return lower
    return spelt(word)


_VOWELS = "aeiouy"
_BAD_START = re.compile(r"^(?:[bdfgjklmnprtvwz][bdfgjkmnpqtvxz]|[hjlmnqrvwxyz][bcdfgjklmnpqrstvwxz]|[^aeiouy]{4})(?!h)")
_BAD_END = re.compile(r"(?:[bdfgkptvz][bdfgkmnpvwz]|[^aeiouy][hjqvw]|[cj][d])$")


def _pronounceable(word: str) -> bool:
    """Whether letters can be read as an English word: vowels, and no clusters that begin or end none."""
    if len(word) == 1 or not any(vowel in word for vowel in _VOWELS):
        return False
    if re.search(r"[^aeiouy]{5}", word) or _BAD_START.match(word):
        return word.startswith(("wr", "kn", "gn", "ps", "mn", "wh", "rh"))
    return not (
        _BAD_END.search(word) and not word.endswith(("gh", "th", "sh", "ch", "ph", "dd", "gg", "ff", "ow", "ew", "aw"))
    )
