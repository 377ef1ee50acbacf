"""Recipes of the representation's training: defaults, bases and sections of tasks -> a checked `TrainConfig`."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from wavcube.configuration.aliases import TRAINING
from wavcube.configuration.recipes import as_dataclass, load_yaml, merge, merge_settings, recipe_chain
from wavcube.errors import ConfigError
from wavcube.training.config import TrainConfig, check_values

TASKS = ("pitch", "stage1", "stage2")


def read_recipe(task: str, recipe: str | Path | None = None, settings: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a task: defaults, then the recipe and its bases, then `settings`.

    A recipe holds settings by the names of `TrainConfig`, sections named after a task with settings for that task
    alone, and `base`, another recipe (a path relative to it) that it builds on. What is nearer to the user wins: a
    recipe over its base, a task's section over the rest of its file, `settings` over all.

    Args:
        task: one of `TASKS`.
        recipe: a path, or the name of one that comes with the package.
        settings: `key.inner=value`, as with `--set`; `stage1.key.inner=value` counts for that task alone.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or an impossible one, by name and file.
    """
    merged = OmegaConf.structured(TrainConfig(task=task))
    for path in recipe_chain(recipe):
        common, sections = _read(path)
        merged = merge(merged, common, str(path), TRAINING)
        for name in TASKS:  # the other tasks' sections are checked too: better a typo found now than after stage 1
            if name in sections:
                result = merge(merged, sections[name], f"{path}, section {name}", TRAINING)
                merged = result if name == task else merged
    return _checked(_with_settings(merged, task, settings))


def load_config(path: Path, settings: Sequence[str] = ()) -> TrainConfig:
    """The resolved configuration that a run wrote, with `settings` over it."""
    merged = merge(OmegaConf.structured(TrainConfig()), load_yaml(path), str(path), TRAINING)
    return _checked(_with_settings(merged, str(merged.task), settings))


def _with_settings(merged: DictConfig, task: str, settings: Sequence[str]) -> DictConfig:
    """Settings over a configuration; those for other tasks are checked and not used."""
    own = []
    for setting in settings:
        section, _, inner = setting.partition(".")
        if section == task or section not in TASKS:
            own.append(inner if section == task else setting)
        else:
            merge_settings(merged, [inner], TRAINING)
    return merge_settings(merged, own, TRAINING)


def _read(path: Path) -> tuple[DictConfig, dict[str, DictConfig]]:
    """What a file says for every task, and for one task alone."""
    values = load_yaml(path)
    sections = {name: values.pop(name) or OmegaConf.create() for name in TASKS if name in values}
    values.pop("base", None)
    return values, sections


def _checked(merged: DictConfig) -> TrainConfig:
    config = as_dataclass(merged, TrainConfig)
    if config.task not in TASKS:
        raise ConfigError(f"task is {config.task!r}; there are {', '.join(TASKS)}")
    check_values(config)
    return config
