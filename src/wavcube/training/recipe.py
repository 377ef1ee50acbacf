"""Recipes: YAML files that say what differs from a base, merged into a checked `TrainConfig`."""

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wavcube.errors import ConfigError
from wavcube.training.config import TrainConfig, check_values

TASKS = ("distill", "stage1", "stage2")


def read_recipe(task: str, recipe: str | Path | None = None, settings: list[str] | None = None) -> TrainConfig:
    """The configuration of a task: defaults, then the recipe and its bases, then `settings`.

    A recipe holds settings by the names of `TrainConfig`, sections named after a task with settings for that task
    alone, and `base`, another recipe (a path relative to it) that it builds on. What is nearer to the user wins: a
    recipe over its base, a task's section over the rest of its file, `settings` over all.

    Args:
        task: one of `TASKS`.
        recipe: a path, or the name of one that comes with the package.
        settings: `key.inner=value`, as with `--set`.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or an impossible one, by name and file.
    """
    merged = OmegaConf.structured(TrainConfig(task=task))
    if recipe is not None:
        for path in reversed(_with_bases(find_recipe(recipe))):
            common, sections = _read(path)
            merged = _merge(merged, common, str(path))
            for name in TASKS:  # the other tasks' sections are checked too: better a typo found now than after stage 1
                if name in sections:
                    result = _merge(merged, sections[name], f"{path}, section {name}")
                    merged = result if name == task else merged
    for setting in settings or []:
        if "=" not in setting:
            raise ConfigError(f"--set {setting}: write it as key=value")
        try:
            single = OmegaConf.from_dotlist([setting])
        except Exception as error:  # omegaconf passes the YAML parser's errors on
            raise ConfigError(f"--set {setting}: {_first_line(error)}") from error
        merged = _merge(merged, single, f"--set {setting}")
    return _checked(merged)


def load_config(path: Path) -> TrainConfig:
    """The resolved configuration that a run wrote."""
    return _checked(_merge(OmegaConf.structured(TrainConfig()), _load_yaml(path), str(path)))


def config_yaml(config: TrainConfig) -> str:
    """A configuration as `load_config` reads it."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def differences(before: TrainConfig, after: TrainConfig) -> list[str]:
    """Dotted names of the settings in which two configurations differ."""

    def flat(values: Any, prefix: str) -> dict[str, Any]:
        if not isinstance(values, dict) or not values:
            return {prefix: values}
        return {k: v for name, inner in values.items() for k, v in flat(inner, f"{prefix}.{name}").items()}

    a, b = (flat(OmegaConf.to_container(OmegaConf.structured(config)), "") for config in (before, after))
    return sorted(name.lstrip(".") for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def find_recipe(name: str | Path) -> Path:
    """A path as it is, else a recipe of that name that comes with the package or lies in the repository."""
    package = Path(__file__).parent.parent
    for folder in (Path(), package / "recipes", package.parent.parent / "recipes"):
        for path in (folder / name, folder / f"{name}.yaml"):
            if path.is_file():
                return path
    raise ConfigError(f"{name}: no such recipe")


def _with_bases(path: Path) -> list[Path]:
    """The recipe, its base, its base's base, ..."""
    chain = [path]
    while "base" in (values := _load_yaml(chain[-1])):
        base = chain[-1].parent / str(values["base"])
        if not base.is_file():
            raise ConfigError(f"{chain[-1]}: its base {base} does not exist")
        if any(os.path.samefile(base, seen) for seen in chain):
            raise ConfigError(f"{chain[-1]}: its base {base} builds on itself")
        chain.append(base)
    return chain


def _read(path: Path) -> tuple[DictConfig, dict[str, DictConfig]]:
    """What a file says for every task, and for one task alone."""
    values = _load_yaml(path)
    sections = {name: values.pop(name) or OmegaConf.create() for name in TASKS if name in values}
    values.pop("base", None)
    return values, sections


def _load_yaml(path: Path) -> DictConfig:
    try:
        values = OmegaConf.load(path)
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


def _checked(merged: DictConfig) -> TrainConfig:
    try:
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{getattr(error, 'full_key', '')}: {_first_line(error)}") from error
    assert isinstance(config, TrainConfig)
    if config.task not in TASKS:
        raise ConfigError(f"task is {config.task!r}; there are {', '.join(TASKS)}")
    check_values(config)
    return config


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
