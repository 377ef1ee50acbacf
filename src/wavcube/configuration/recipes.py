"""Recipes: YAML files with the differences from a base, merged into typed dataclasses."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wavcube.configuration.aliases import Names, refuse_mixed, with_new_names
from wavcube.errors import ConfigError

Config = TypeVar("Config")


def find_recipe(name: str | Path) -> Path:
    """A path as it is, else a recipe of that name that comes with the package or lies in the repository."""
    package = Path(__file__).parent.parent
    for folder in (Path(), package / "recipes", package.parent.parent / "recipes"):
        for path in (folder / name, folder / f"{name}.yaml"):
            if path.is_file():
                return path
    raise ConfigError(f"{name}: no such recipe")


def recipe_chain(recipe: str | Path | None) -> list[Path]:
    """The bases of a recipe, the furthest first, and the recipe itself; nothing for None.

    Raises:
        ConfigError: one of them is missing, or builds on itself.
    """
    if recipe is None:
        return []
    chain = [find_recipe(recipe)]
    while "base" in (values := load_yaml(chain[-1])):
        base = chain[-1].parent / str(values["base"])
        if not base.is_file():
            raise ConfigError(f"{chain[-1]}: its base {base} does not exist")
        if any(os.path.samefile(base, seen) for seen in chain):
            raise ConfigError(f"{chain[-1]}: its base {base} builds on itself")
        chain.append(base)
    return chain[::-1]


def load_yaml(path: Path) -> DictConfig:
    """A file of settings, its `base` included.

    Raises:
        ConfigError: it cannot be read, or is a list.
    """
    try:
        values = OmegaConf.load(path)
    except Exception as error:
        raise ConfigError(f"{path}: not a readable recipe ({_first_line(error)})") from error
    if not isinstance(values, DictConfig):
        raise ConfigError(f"{path}: a recipe is a set of `key: value`, this is a list")
    return values


def merge(into: DictConfig, values: DictConfig, where: str, names: Names | None = None) -> DictConfig:
    """`values` over `into`; `names` maps old names that `values` may still have (wavcube.configuration.aliases).

    Raises:
        ConfigError: an unknown key or a value of the wrong type, by name; the message begins with `where`.
    """
    if names:
        plain = OmegaConf.to_container(values)
        assert isinstance(plain, dict)
        values = OmegaConf.create(with_new_names({str(key): value for key, value in plain.items()}, names, where))
    try:
        merged = OmegaConf.merge(into, values)
    except (OmegaConfBaseException, TypeError) as error:
        name = getattr(error, "full_key", None) or getattr(error, "key", None) or ""
        if shape := _wrong_shape(into, values):
            problem = shape
        elif "not in" in str(error):
            problem = f"unknown key {name}"
        else:
            problem = f"{name}: {_first_line(error)}" if name else _first_line(error)
        raise ConfigError(f"{where}: {problem}") from error
    assert isinstance(merged, DictConfig)
    return merged


def merge_settings(into: DictConfig, settings: Sequence[str] | None, names: Names | None = None) -> DictConfig:
    """`key.inner=value`, as with `--set`, over `into`; `names` as for `merge`."""
    refuse_mixed((setting.partition("=")[0] for setting in settings or []), names or {}, "--set")
    for setting in settings or []:
        if "=" not in setting:
            raise ConfigError(f"--set {setting}: write it as key=value")
        try:
            single = OmegaConf.from_dotlist([setting])
        except Exception as error:  # omegaconf passes the YAML parser's errors on
            raise ConfigError(f"--set {setting}: {_first_line(error)}") from error
        into = merge(into, single, f"--set {setting}", names)
    return into


def as_dataclass(merged: DictConfig, kind: type[Config]) -> Config:
    """The dataclass of a merged configuration.

    Raises:
        ConfigError: a value that is missing or cannot be found.
    """
    try:
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{getattr(error, 'full_key', '')}: {_first_line(error)}") from error
    assert isinstance(config, kind)
    return config


def config_yaml(config: Any) -> str:
    """A configuration as `load_yaml` reads it."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def changes(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """Settings in which two configurations differ: dotted name -> value before, value after (None: not there)."""

    def flat(values: Any, prefix: str) -> dict[str, Any]:
        if not isinstance(values, dict) or not values:
            return {prefix: values}
        return {k: v for name, inner in values.items() for k, v in flat(inner, f"{prefix}.{name}").items()}

    a, b = (flat(OmegaConf.to_container(OmegaConf.structured(config)), "") for config in (before, after))
    names = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    return {name.lstrip("."): (a.get(name), b.get(name)) for name in names}


def _wrong_shape(into: DictConfig, values: DictConfig, prefix: str = "") -> str | None:
    """What is wrong where `values` has something else for a list or a group of `into`, such as `sources.0.path`."""
    for key in (key for key in values if isinstance(key, str)):
        if key not in into or any(OmegaConf.is_interpolation(node, key) for node in (into, values)):
            continue
        before, after, name = into[key], values[key], f"{prefix}{key}"
        if isinstance(before, ListConfig) and not isinstance(after, ListConfig):
            return f"{name} is a list; give it whole, as in {name}=[...]"
        if isinstance(before, DictConfig) and not isinstance(after, DictConfig):
            return f"{name} is a group of settings; give them by name, as in {name}.NAME=VALUE"
        if isinstance(before, DictConfig) and (found := _wrong_shape(before, after, f"{name}.")):
            return found
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
