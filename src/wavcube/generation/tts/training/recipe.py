"""Recipes of text to speech: defaults and bases -> a checked `SpeechTrainConfig`."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from wavcube.configuration.aliases import TTS_TRAINING
from wavcube.configuration.recipes import as_dataclass, load_yaml, merge, merge_settings, recipe_chain
from wavcube.generation.tts.training.config import SpeechTrainConfig, check_settings


def read_recipe(recipe: str | Path | None = None, settings: Sequence[str] = ()) -> SpeechTrainConfig:
    """Defaults, then a recipe over its bases, then `settings`.

    Args:
        recipe: a path, or the name of one that comes with the package; `base` in it names another that it builds on.
        settings: `key.inner=value`, as with `--set`.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or an impossible one, by name and file.
    """
    merged = OmegaConf.structured(SpeechTrainConfig)
    for path in recipe_chain(recipe):
        values = load_yaml(path)
        values.pop("base", None)
        merged = merge(merged, values, str(path), TTS_TRAINING)
    return _checked(merge_settings(merged, settings, TTS_TRAINING))


def load_settings(path: Path, settings: Sequence[str] = ()) -> SpeechTrainConfig:
    """The resolved configuration that a run wrote, with `settings` over it."""
    merged = merge(OmegaConf.structured(SpeechTrainConfig), load_yaml(path), str(path), TTS_TRAINING)
    return _checked(merge_settings(merged, settings, TTS_TRAINING))


def _checked(merged: DictConfig) -> SpeechTrainConfig:
    config = as_dataclass(merged, SpeechTrainConfig)
    check_settings(config)
    return config
