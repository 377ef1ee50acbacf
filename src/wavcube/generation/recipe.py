"""Recipes of text to speech: YAML files that say what differs from a base, merged into a checked configuration."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wavcube.errors import ConfigError
from wavcube.generation.settings import SpeechTrainConfig, check_settings
from wavcube.training.recipe import find_recipe


def read_recipe(recipe: str | Path | None = None, settings: list[str] | None = None) -> SpeechTrainConfig:
    """Defaults, then a recipe over its bases, then `settings`.

    Args:
        recipe: a path, or the name of one that comes with the package; `base` in it names another that it builds on.
        settings: `key.inner=value`, as with `--set`.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or an impossible one, by name and file.
    """
    merged = OmegaConf.structured(SpeechTrainConfig)
    for path in reversed(_with_bases(find_recipe(recipe)) if recipe is not None else []):
        values = _load(path)
        values.pop("base", None)
        merged = _merge(merged, values, str(path))
    for setting in settings or []:
        if "=" not in setting:
            raise ConfigError(f"--set {setting}: write it as key=value")
        try:
            values = OmegaConf.from_dotlist([setting])
        except Exception as error:  # omegaconf passes the YAML parser's errors on
            raise ConfigError(f"--set {setting}: {_first_line(error)}") from error
        merged = _merge(merged, values, f"--set {setting}")
    return _checked(merged)


def load_settings(path: Path) -> SpeechTrainConfig:
    """The resolved configuration that a run wrote."""
    return _checked(_merge(OmegaConf.structured(SpeechTrainConfig), _load(path), str(path)))


def _with_bases(path: Path) -> list[Path]:
    chain = [path]
    while "base" in (values := _load(chain[-1])):
        base = (chain[-1].parent / str(values["base"])).resolve()
        if not base.is_file():
            raise ConfigError(f"{chain[-1]}: its base {base} does not exist")
        if base in [seen.resolve() for seen in chain]:
            raise ConfigError(f"{chain[-1]}: its base {base} builds on itself")
        chain.append(base)
    return chain


def _load(path: Path) -> DictConfig:
    try:
        values: Any = OmegaConf.load(path)
    except Exception as error:
        raise ConfigError(f"{path}: not a readable recipe ({_first_line(error)})") from error
    if not isinstance(values, DictConfig):
        raise ConfigError(f"{path}: a recipe is a set of `key: value`, this is a list")
    return values


def _merge(into: DictConfig, values: DictConfig, where: str) -> DictConfig:
    try:
        merged = OmegaConf.merge(into, values)
    except (OmegaConfBaseException, TypeError) as error:  # TypeError: a list where a group belongs, and the like
        name = getattr(error, "full_key", None) or getattr(error, "key", None) or ""
        unknown = f"unknown key {name}" if "not in" in str(error) else f"{name}: {_first_line(error)}"
        raise ConfigError(f"{where}: {unknown}") from error
    assert isinstance(merged, DictConfig)
    return merged


def _checked(merged: DictConfig) -> SpeechTrainConfig:
    try:
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{getattr(error, 'full_key', '')}: {_first_line(error)}") from error
    assert isinstance(config, SpeechTrainConfig)
    check_settings(config)
    return config


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
