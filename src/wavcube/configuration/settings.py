"""Dataclasses of settings from dictionaries and from text, every key and value checked.

An unknown key or an impossible value is an error that names it, so that a typo never becomes another model.
"""

import dataclasses
import json
import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from wavcube.errors import ConfigError

Settings = TypeVar("Settings")


def from_dict(kind: type[Settings], values: Any, where: str = "") -> Settings:
    """A dataclass of type `kind` from nested dictionaries, as JSON gives them; keys left out take their defaults.

    Fields may be dataclasses themselves, literals, tuples of one type, and plain types; nothing is optional.

    Args:
        kind: the dataclass.
        values: its fields by name.
        where: the path in the tree with a dot behind it, for messages.

    Raises:
        ConfigError: an unknown key, or a value that is not of its field's type.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where.rstrip('.')}: expected a group of settings, got {values!r}")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(f"unknown key {where}{unknown[0]!s} (known: {', '.join(hints)})")
    return kind(**{key: _value(hints[key], value, f"{where}{key}") for key, value in values.items()})


def read_config(path: str | Path, form: str, what: str, build: Callable[[dict[str, Any]], Settings]) -> Settings:
    """The settings of a model's `config.json`; every error names the file.

    Args:
        path: of the file.
        form: what its key "format" has to be.
        what: is read, for messages, such as "the configuration of a text-to-speech model".
        build: makes the settings of the other keys.

    Raises:
        ConfigError: it cannot be read, is of something else, or `build` refuses it.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not a readable configuration ({error})") from error
    if not isinstance(values, dict) or values.pop("format", None) != form:
        raise ConfigError(f'{path}: not {what} (no "format": "{form}")')
    try:
        return build(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def with_text(settings: Settings, values: dict[str, str]) -> Settings:
    """A flat dataclass with fields replaced that are given as text.

    Raises:
        ConfigError: an unknown setting or an impossible value.
    """
    hints = get_type_hints(type(settings))
    for name in values:
        if name not in hints:
            raise ConfigError(f"unknown setting {name!r}; there are {', '.join(hints)}")
    parsed = {name: _parsed(name, text, hints[name]) for name, text in values.items()}
    return dataclasses.replace(settings, **parsed)  # type: ignore[type-var]


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_dict(hint, value, f"{where}.")  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            raise ConfigError(f"{where}: {value!r} is not one of {', '.join(map(repr, get_args(hint)))}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    assert not isinstance(hint, types.UnionType), f"{where}: optional settings are not supported"
    if type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def _parsed(name: str, text: str, hint: Any) -> Any:
    choices = get_args(hint)
    if choices:
        if text not in choices:
            raise ConfigError(f"{name} is {text!r}, not one of {', '.join(choices)}")
        return text
    if hint is bool:
        if text.lower() not in {"true", "false"}:
            raise ConfigError(f"{name} is {text!r}, not true or false")
        return text.lower() == "true"
    try:
        return hint(text)
    except ValueError as error:
        raise ConfigError(f"{name} is {text!r}, which is no {hint.__name__}") from error


def require(condition: bool, message: str) -> None:
    """Raise a ConfigError with this message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_positive(part: str, group: Any, *names: str) -> None:
    """Raise a ConfigError unless these fields of the settings `group`, whose place is `part`, are finite and > 0."""
    for name in names:
        value = getattr(group, name)
        require(0 < value < math.inf, f"{part}: {name} must be > 0, not {value}")
