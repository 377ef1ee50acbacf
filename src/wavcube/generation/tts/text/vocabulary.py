"""The symbols that a model knows, and their numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from wavcube.errors import ConfigError
from wavcube.generation.tts.text.frontend import TextError

FILLER = 0
"""The number of frames behind a text's end; the symbols begin at 1."""


class Vocabulary:
    """Symbols in an order; the first is the space.

    Args:
        symbols: characters, or longer symbols such as pinyin syllables.

    Raises:
        ConfigError: a symbol comes twice, or the first is not the space.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols, FILLER + 1)}
        if len(self._numbers) < len(self.symbols):
            twice = next(symbol for symbol in self.symbols if self.symbols.count(symbol) > 1)
            raise ConfigError(f"the vocabulary has the symbol {twice!r} twice")
        if not self.symbols or self.symbols[0] != " ":
            raise ConfigError("the first symbol of a vocabulary must be the space")

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._numbers

    def encode(self, symbols: Iterable[str]) -> list[int]:
        """Numbers of symbols.

        Raises:
            TextError: some are not in the vocabulary.
        """
        symbols = list(symbols)
        unknown = self.unknown(symbols)
        if unknown:
            raise TextError(
                f"the model does not know the characters {' '.join(map(repr, unknown[:8]))}; "
                "write them out in ones that it knows, or leave them out"
            )
        return [self._numbers[symbol] for symbol in symbols]

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that are not in the vocabulary, each once."""
        return [symbol for symbol in dict.fromkeys(symbols) if symbol not in self._numbers]

    @classmethod
    def collect(cls, texts: Iterable[Iterable[str]]) -> Self:
        """The symbols that occur in texts, sorted, the space first."""
        found = {symbol for text in texts for symbol in text}
        return cls([" ", *sorted(found - {" "})])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file with a symbol a line, as F5-TTS and others keep them.

        Raises:
            ConfigError: it cannot be read or is no vocabulary.
        """
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a vocabulary ({error})") from error
        try:
            return cls([line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)])
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
