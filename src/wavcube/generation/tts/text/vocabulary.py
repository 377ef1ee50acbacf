"""The tokens of a model, and their ids."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from wavcube.errors import ConfigError
from wavcube.generation.tts.text.frontend import TextError

FILLER = 0
"""The id behind a text's end; the tokens begin at 1."""


class Vocabulary:
    """Tokens in an order; the first is the space.

    Args:
        tokens: characters, or longer tokens such as pinyin syllables.

    Raises:
        ConfigError: a token comes twice, or the first is not the space.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: token_id for token_id, token in enumerate(self.tokens, FILLER + 1)}
        if len(self._ids) < len(self.tokens):
            twice = next(token for token in self.tokens if self.tokens.count(token) > 1)
            raise ConfigError(f"the vocabulary has the token {twice!r} twice")
        if not self.tokens or self.tokens[0] != " ":
            raise ConfigError("the first token of a vocabulary must be the space")

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def pauses(self) -> list[bool]:
        """For each token whether it is a pause: a space or punctuation."""
        return [not any(character.isalnum() for character in token) for token in self.tokens]

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Ids of tokens.

        Raises:
            TextError: some are not in the vocabulary.
        """
        tokens = list(tokens)
        unknown = self.unknown(tokens)
        if unknown:
            raise TextError(
                f"the model does not know the characters {' '.join(map(repr, unknown[:8]))}; "
                "write them out in ones that it knows, or leave them out"
            )
        return [self._ids[token] for token in tokens]

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """The tokens that are not in the vocabulary, each once."""
        return [token for token in dict.fromkeys(tokens) if token not in self._ids]

    @classmethod
    def collect(cls, texts: Iterable[Iterable[str]]) -> Self:
        """The tokens that occur in texts, sorted, the space first."""
        found = {token for text in texts for token in text}
        return cls([" ", *sorted(found - {" "})])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file with a token a line, as F5-TTS and others keep them.

        Raises:
            ConfigError: it cannot be read or is no vocabulary.
        """
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a vocabulary ({error})") from error
        try:
            return cls([line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)])
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
