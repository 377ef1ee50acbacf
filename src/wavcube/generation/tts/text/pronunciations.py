# ruff: noqa: RUF001 (phonetic letters)
"""Pronunciations that the English lexicon lacks or has otherwise: names of letters and loan words."""

from wavcube.generation.tts.text.normalization.acronyms import LETTERS

_LETTERS = {
    "a": "ˈeɪ", "b": "b ˈi", "c": "s ˈi", "d": "d ˈi", "e": "ˈi", "f": "ˈɛ f", "g": "d͡ʒ ˈi", "h": "ˈeɪ t͡ʃ",
    "i": "ˈaɪ", "j": "d͡ʒ ˈeɪ", "k": "k ˈeɪ", "l": "ˈɛ l", "m": "ˈɛ m", "n": "ˈɛ n", "o": "ˈoʊ", "p": "p ˈi",
    "q": "k j ˈu", "r": "ˈɑ ɹ", "s": "ˈɛ s", "t": "t ˈi", "u": "j ˈu", "v": "v ˈi", "x": "ˈɛ k s", "y": "w ˈaɪ",
    "z": "z ˈi",
}  # fmt: skip
_ENDINGS = {letter: " s" if letter in "f" else " ɪ z" if letter in "hsx" else " z" for letter in _LETTERS}
_MARKS = ("s", "'s")

PRONUNCIATIONS: dict[str, str] = {
    **{LETTERS[letter]: said for letter, said in _LETTERS.items() if LETTERS[letter] != "are"},
    **{f"{LETTERS[letter]}{mark}": said + _ENDINGS[letter] for letter, said in _LETTERS.items() for mark in _MARKS},
    "are's": "ˈɑ ɹ z", "résumé": "ɹ ˈɛ z ə m ˌeɪ", "résumés": "ɹ ˈɛ z ə m ˌeɪ z", "resumé": "ɹ ˈɛ z ə m ˌeɪ",
    "exposé": "ˌɛ k s p oʊ z ˈeɪ", "touché": "t u ʃ ˈeɪ", "rosé": "ɹ oʊ z ˈeɪ", "pâté": "p ɑ t ˈeɪ",
    "maté": "m ˈɑ t eɪ", "blasé": "b l ɑ z ˈeɪ", "passé": "p æ s ˈeɪ", "attaché": "ˌæ t ə ʃ ˈeɪ",
    "risqué": "ɹ ɪ s k ˈeɪ", "lamé": "l æ m ˈeɪ", "communiqué": "k ə m j ˈu n ɪ k ˌeɪ", "crème": "k ɹ ˈɛ m",
    "brûlée": "b ɹ u l ˈeɪ", "voilà": "v w ɑ l ˈɑ", "déjà": "d ˈeɪ ʒ ˌɑ", "piñata": "p ɪ n j ˈɑ t ə",
    "señor": "s eɪ n j ˈɔ ɹ", "señora": "s eɪ n j ˈɔ ɹ ə", "niño": "n ˈi n j oʊ", "niña": "n ˈi n j ə",
    "façade": "f ə s ˈɑ d", "garçon": "ɡ ɑ ɹ s ˈɔ n", "são": "s ˈaʊ", "matinée": "m ˌæ t ə n ˈeɪ",
    "papier-mâché": "p ˌeɪ p ɚ m ə ʃ ˈeɪ", "doppelgänger": "d ˈɑ p ə l ɡ ˌæ ŋ ɚ", "zürich": "z ˈʊ ɹ ɪ k",
    "animé": "ˈæ n ə m ˌeɪ", "beyoncé": "b i ˈɑ n s eɪ", "covid": "k ˈoʊ v ɪ d", "kilohertz": "k ˈɪ l ə h ˌɚ t s",
    "gigahertz": "ɡ ˈɪ ɡ ə h ˌɚ t s", "terahertz": "t ˈɛ ɹ ə h ˌɚ t s", "gif": "ɡ ˈɪ f", "yaml": "j ˈæ m ə l",
    "unix": "j ˈu n ɪ k s", "linux": "l ˈɪ n ə k s", "miz": "m ˈɪ z",
}  # fmt: skip
"""Word in small letters -> phonemes of gruut, with spaces between."""
