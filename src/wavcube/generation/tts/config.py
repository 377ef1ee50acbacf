"""The configuration of a text-to-speech model: typed dataclasses that are also its `config.json`."""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wavcube.config_aliases import TTS, with_new_names
from wavcube.errors import ConfigError
from wavcube.generation.flow.config import RepresentationConfig, TransformerConfig

FORMAT = "wavcube-tts-1"


@dataclass(frozen=True)
class FlowMatchingTTSConfig:
    """A text-to-speech model.

    Attributes:
        text_frontend: how text becomes tokens (`TextFrontend`).
        tokens: the vocabulary; the first is the space.
        languages: of the training data, for documentation.
    """

    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    text_frontend: str = "characters"
    tokens: tuple[str, ...] = (" ",)
    languages: tuple[str, ...] = ("en",)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `config.json`.

        Raises:
            ConfigError: it cannot be read, is of something else, or has an unknown key or impossible value.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigError(f"{path}: not a readable configuration ({error})") from error
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ConfigError(f'{path}: not the configuration of a text-to-speech model (no "format": "{FORMAT}")')
        values = with_new_names(values, TTS, str(path))
        try:
            return _build(cls, values, "")
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        values = {"format": FORMAT, **dataclasses.asdict(self)}
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _build(kind: Any, values: Any, where: str) -> Any:
    """A dataclass of type `kind` from a dictionary; `where` is its path in the tree."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where.rstrip('.')}: expected a group of settings, got {values!r}")
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise ConfigError(f"unknown key {where}{key} (known: {', '.join(hints)})")
    return kind(**{key: _value(hints[key], value, where + key) for key, value in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where + ".")
    if isinstance(hint, types.GenericAlias):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{where}: expected a list of texts")
        return tuple(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value
