# ruff: noqa: RUF001 (typographic quotes and dashes)
"""Text -> tokens: characters, pinyin or phonemes."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from wavcube.errors import ConfigError, MissingDependencyError, WavCubeError
from wavcube.generation.tts.text.normalization.english import normalise_english
from wavcube.generation.tts.text.phonemes import espeak_phonemes, gruut_phonemes

TEXT_FRONTENDS = """\
characters         the text's characters as they are
lowercase          the same in lower case
pinyin             Chinese as syllables with tone numbers, the rest as characters (pypinyin, rjieba)
gruut:LANGUAGE     IPA by gruut, such as gruut:en-us, or gruut:de-de after pip install "gruut[de]"
phonemes:LANGUAGE  IPA by eSpeak NG, such as phonemes:en-us (the package phonemizer, which is under the GPL)"""

TextFrontend = Callable[[str], list[str]]
"""Text -> tokens."""

_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " "})
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


class TextError(WavCubeError, ValueError):
    """A text that cannot be spoken: empty, outside the vocabulary, or longer than its duration allows."""


def build_text_frontend(description: str, edges: bool = False) -> TextFrontend:
    """Make the text frontend that `description` names (see `TEXT_FRONTENDS`).

    Args:
        description: see `TEXT_FRONTENDS`.
        edges: begin and end every text that has tokens with a space, which stands for the silence there.

    Raises:
        ConfigError: it names none.
        MissingDependencyError: on use of one whose package is missing.
    """
    if edges:
        inner = build_text_frontend(description)
        return lambda text: [" ", *tokens, " "] if (tokens := inner(text)) else []
    kind, _, language = description.partition(":")
    if kind == "phonemes" and language:
        return lambda text: espeak_phonemes(plain(normalised(text, language)), language)
    if kind == "gruut" and language:
        return lambda text: gruut_phonemes(plain(normalised(text, language)), language)
    if description == "characters":
        return lambda text: list(plain(text))
    if description == "lowercase":
        return lambda text: list(plain(text).lower())
    if description == "pinyin":
        return lambda text: _pinyin(plain(text))
    raise ConfigError(f"no text frontend {description!r}; there are\n{TEXT_FRONTENDS}")


def language_of(description: str, languages: Sequence[str]) -> str:
    """The language of the texts of a frontend: the one that it names, or the only one of its training data.

    Args:
        description: see `TEXT_FRONTENDS`.
        languages: of the training data.
    """
    _, _, named = description.partition(":")
    return named or (languages[0] if len(languages) == 1 and description != "pinyin" else "")


def normalised(text: str, language: str) -> str:
    """Text in which what is said is written as words. Of English everything is; in other languages text stays as it
    is, and gruut and eSpeak NG read its numbers themselves."""
    return normalise_english(text) if language.lower().startswith("en") else text


def plain(text: str) -> str:
    """Text with composed characters, ASCII quotes and dashes, and single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).split())


def _pinyin(text: str) -> list[str]:
    """A space and a syllable for each Chinese character, every other character as it is.

    Words are found first, since the reading of a character depends on its word.
    """
    try:
        import rjieba
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise MissingDependencyError('pinyin needs pypinyin and rjieba: pip install "wavcube[tts]"') from error
    tokens: list[str] = []
    position = 0
    for run in _HAN.finditer(text):
        tokens += text[position : run.start()]
        for word in rjieba.cut(run[0]):
            for syllable in lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True):
                if tokens and tokens[-1] != " ":
                    tokens.append(" ")
                tokens.append(syllable)
        position = run.end()
    return tokens + list(text[position:])
