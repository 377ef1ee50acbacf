"""Addresses of the internet: URLs, e-mail, host names, files, handles and hashtags."""

import re

from wavcube.generation.tts.text.normalization.acronyms import read_word
from wavcube.generation.tts.text.normalization.number_words import digits

_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|me|tv|co|uk|us|eu|de|fr|es|it|nl|ch|at|se|no|dk|fi|pl|ru|cn|jp"
    "|in|au|ca|br|tech|cloud|online|shop|blog|xyz|site"
)
_FILES = (
    "py|md|txt|pdf|docx?|xlsx?|pptx?|csv|tsv|jsonl?|ya?ml|xml|html?|css|js|ts|jsx|tsx|c|h|cpp|rs|go|java|sh|exe|zip|tar|gz"
    "|wav|mp[34]|flac|png|jpe?g|gif|svg|toml|ini|log|tex|ipynb|safetensors"
)
_END = r"(?<![.,;:!?)\]'\"])"  # punctuation behind an address is the sentence's
_EMAIL = re.compile(r"\b[\w.+%-]+@[\w-]+(?:\.[\w-]+)+\b")
_URL = re.compile(rf"\b(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>\"]+{_END}", re.IGNORECASE)
_HOST = re.compile(rf"\b(?:[A-Za-z0-9-]+\.)+(?:{_DOMAINS})\b(?![\w@])(?:[/:?#][^\s<>\"]*{_END})?")
_IP = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:/\d+)?\b")
_FILE = re.compile(rf"(?<!\S)(?:[~.]{{0,2}}/)?(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.(?:{_FILES})\b(?!\.\w)")
_HANDLE = re.compile(r"(?<![\w.])@(?=[A-Za-z_])\w+")
_HASHTAG = re.compile(r"(?<![\w&])#(?=[A-Za-z_])\w+")
_NAMES = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", "?": "question mark", "=": "equals",
    "&": "and", "#": "hash", ":": "colon", "%": "percent", "~": "tilde", "+": "plus", ",": "comma", ";": "semicolon",
}  # fmt: skip
_PART = re.compile(r"\d+|[^\W\d_]+|[\W_]")


def say_addresses(text: str) -> str:
    """Addresses spelled as they are read out, the scheme of a URL left out."""
    text = _EMAIL.sub(lambda m: _say(m[0]), text)
    text = _URL.sub(lambda m: _say(re.sub(r"^[a-z][a-z0-9+.-]*://", "", m[0], flags=re.IGNORECASE).rstrip("/")), text)
    text = _IP.sub(lambda m: _say(m[0]), text)
    text = _HOST.sub(lambda m: _say(m[0].rstrip("/")), text)
    text = _FILE.sub(lambda m: _say(m[0]), text)
    text = _HANDLE.sub(lambda m: _say(m[0]), text)
    return _HASHTAG.sub(lambda m: f"hashtag {_say(m[0][1:])}", text)


def _say(address: str) -> str:
    parts = []
    for part in _PART.findall(address):
        if part.isdecimal():
            parts.append(digits(part))
        elif part.isalpha():
            parts.append(read_word(part))
        else:
            parts.append(_NAMES.get(part, part))
    return f" {' '.join(parts)} "
