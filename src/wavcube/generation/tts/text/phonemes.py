"""Text -> phonemes of the International Phonetic Alphabet, by gruut or by eSpeak NG."""

import importlib
import sys
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from wavcube.errors import ConfigError, MissingDependencyError
from wavcube.generation.tts.text.letters import without_accents
from wavcube.generation.tts.text.pronunciations import PRONUNCIATIONS

PAUSES = frozenset(".,?!;:")
"""Punctuation that is kept."""


def gruut_phonemes(text: str, language: str) -> list[str]:
    """Phonemes with their stress, a space between words, punctuation in the place of the space before it.

    Words outside the lexicon are guessed from their letters, those of other scripts left as they are: tokens that no
    vocabulary has.

    Raises:
        MissingDependencyError: gruut is not installed.
        ConfigError: gruut does not support the language.
    """
    return list(_gruut(text, language))


@lru_cache(100_000)  # half a second for a long text, and training reads each more than once
def _gruut(text: str, language: str) -> tuple[str, ...]:
    gruut = _import_gruut()
    if not gruut.is_language_supported(language):
        raise ConfigError(
            f"text frontend gruut:{language}: gruut has no such language, or its lexicon is not installed"
        )
    own = PRONUNCIATIONS if language.startswith("en") else {}
    if text.isupper():  # a transcript in capitals, which gruut would spell out
        text = text.lower()
    text = " ".join(word if _bare(word) in own else without_accents(word, language) for word in text.split())
    tokens: list[str] = []
    # eSpeak's spellings of phonemes are not used; texts are no markup.
    for sentence in gruut.sentences(text, lang=language, espeak=False, ssml=False):
        for word in sentence:
            if word.is_spoken and any(map(str.isalnum, word.text)):
                if tokens and tokens[-1] != " ":
                    tokens.append(" ")
                said = own.get(word.text.lower())
                tokens += said.split() if said else word.phonemes or [word.text]
            elif word.text in PAUSES and tokens and tokens[-1] not in PAUSES:
                tokens += [word.text, " "]
    return tuple(tokens[:-1] if tokens and tokens[-1] == " " else tokens)


class _Later(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@cache
def _import_gruut() -> Any:
    """gruut, which imports dateparser for a third of a second only for dates in languages other than English."""
    later = _Later("dateparser")
    wanted = sys.modules.setdefault("dateparser", later)
    try:
        return importlib.import_module("gruut")
    except ImportError as error:
        raise MissingDependencyError('the text frontend gruut needs gruut: pip install "wavcube[tts]"') from error
    finally:
        if wanted is later:
            del sys.modules["dateparser"]


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'()").lower()


def espeak_phonemes(text: str, language: str) -> list[str]:
    """IPA, a character each, with stress and punctuation.

    Raises:
        MissingDependencyError: phonemizer or eSpeak NG is not installed.
        ConfigError: eSpeak NG does not support the language.
    """
    return list(_espeak(language).phonemize([text], strip=True)[0])


@cache
def _espeak(language: str) -> Any:
    try:
        from phonemizer.backend import EspeakBackend
        from phonemizer.backend.espeak.wrapper import EspeakWrapper
    except ImportError as error:
        raise MissingDependencyError(
            "phonemes need phonemizer and eSpeak NG: pip install phonemizer espeakng-loader (phonemizer is GPL-3)"
        ) from error
    try:
        import espeakng_loader

        EspeakWrapper.set_library(espeakng_loader.get_library_path())
        EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    except ImportError:
        pass  # then eSpeak NG is looked for where the system has it
    try:
        return EspeakBackend(language, preserve_punctuation=True, with_stress=True)
    except RuntimeError as error:
        raise ConfigError(f"text frontend phonemes:{language}: {str(error).splitlines()[0]}") from error
