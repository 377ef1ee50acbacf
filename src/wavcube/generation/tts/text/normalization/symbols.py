# ruff: noqa: RUF001 (signs and letters that look like others)
"""Signs that are read, and punctuation in the forms that text frontends know."""

import re

_OR = re.compile(
    r"\b(?P<first>he|him|his|she|her|hers|yes|true|mr|man|men|boys?)/(?P<second>she|her|hers|he|him|his|they|them|no|false|mrs|woman|women|girls?)\b",
    re.IGNORECASE,
)
_HE_OR_SHE = re.compile(r"\bs/he\b")
_AND_OR = re.compile(r"\band/or\b", re.IGNORECASE)
_BETWEEN_NUMBERS = {
    "x": "by", "×": "times", "*": "times", "÷": "divided by", "+": "plus", "=": "equals", "-": "minus", "−": "minus",
    "/": "divided by", "<": "is less than", ">": "is greater than",
}  # fmt: skip
_SIGNS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "~": "about", "≈": "approximately",
    "≠": "is not equal to", "≤": "is less than or equal to", "≥": "is greater than or equal to", "<": "is less than",
    ">": "is greater than", "±": "plus or minus", "×": "times", "÷": "divided by", "√": "the square root of",
    "∞": "infinity", "π": "pi", "°": "degrees", "#": "hash", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen",
    "¢": "cent", "©": "copyright", "®": "registered", "™": "trademark", "§": "section", "¶": "paragraph", "→": "to",
    "←": "from", "⇒": "implies", "↔": "to and from", "^": "caret", "∑": "sum", "∆": "delta", "∂": "partial",
    "∫": "integral", "∈": "in", "−": "minus", "µ": "micro", "Ω": "ohms", "‰": "per mille", "α": "alpha", "β": "beta",
    "γ": "gamma", "δ": "delta", "ε": "epsilon", "λ": "lambda", "μ": "mu", "σ": "sigma", "φ": "phi", "ω": "omega",
    "θ": "theta", "τ": "tau", "ρ": "rho", "η": "eta", "Σ": "sigma", "Δ": "delta", "Φ": "phi", "\\": "backslash",
    "/": "slash", "|": ",", "•": ",", "·": ",", "_": " ", "*": " ", "`": " ", "{": ",", "}": ",", "[": ",", "]": ",",
    "«": '"', "»": '"', "¡": " ", "¿": " ", "„": '"', "‚": "'", "‹": "'", "›": "'", "′": "'", "″": '"', "‐": "-",
    "‑": "-", "‒": "-", "―": ", ", "¬": " ", "⁄": "/",
}  # fmt: skip
SAYABLE = frozenset(_SIGNS)
_SHARP = re.compile(r"(?<=\b[A-G])[#♯](?!\w)")
_DASH = re.compile(r"\s+-+\s+|\s*(?:—|--+)\s*|\s+–\s+")
_OPERATOR = re.compile(r"(?<=\d)\s*(?P<sign>[x×*÷+=<>])\s*(?=[-−.]?\d)|(?<=\d)\s+(?P<spaced>[-−/])\s+(?=\d)")
_SIGN = re.compile("|".join(re.escape(sign) for sign in _SIGNS))


def say_operators(text: str) -> str:
    """Signs between numbers: two plus two equals four; and the one of a musical key or a language, C sharp."""
    text = _SHARP.sub(" sharp", text)
    for _ in range(2):  # the number between two signs belongs to both
        text = _OPERATOR.sub(lambda m: f" {_BETWEEN_NUMBERS[m['sign'] or m['spaced']]} ", text)
    return text


def say_symbols(text: str) -> str:
    """Signs by their names, alternatives with an "or", dashes as pauses."""
    text = _HE_OR_SHE.sub("he or she", text)
    text = _AND_OR.sub("and or", text)
    text = _OR.sub(lambda m: f"{m['first']} or {m['second']}", text)
    text = _DASH.sub(", ", text)
    return _SIGN.sub(lambda m: f" {_SIGNS[m[0]]} " if _SIGNS[m[0]].strip() else " ", text)
