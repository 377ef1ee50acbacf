"""Settings that the trainings on mixtures share; recipes set what differs from these values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from wavcube.configuration.recipes import as_dataclass, load_yaml, merge, merge_settings, recipe_chain
from wavcube.engine.config import FitConfig, OptimizerConfig, check_fit, require
from wavcube.generation.flow.frame_transformer import FrameTransformerConfig


@dataclass
class BatchSettings:
    """Batches of mixtures of one length.

    Attributes:
        seconds: of each mixture; also the windows in which the model later takes long speech.
        mixtures: in a batch of one process.
        pool: so many mixtures are made, whose frames are computed once and kept on disk; 0 for new ones in every step,
            which are encoded while training goes on (for GPUs).
        cache: folder for the frames.
        workers: processes that mix while training goes on, where there is no pool.
    """

    seconds: float = 5.0
    mixtures: int = 32
    pool: int = 0
    cache: str = "cache"
    workers: int = 0


@dataclass
class ValidationSettings:
    """Held-out mixtures.

    Attributes:
        every: updates from one validation to the next; 0 for never.
        mixtures: how many; always the same ones.
    """

    every: int = 1000
    mixtures: int = 64


def _optimizer() -> OptimizerConfig:
    return OptimizerConfig(steps=100_000, lr=5e-4, warmup=1000, clip=1.0, ema=0.999, weight_decay=0.01, fused=False)


@dataclass
class RegressionTrainConfig(FitConfig):
    """A run. Subclasses set the class of `mixtures`, to learn from, and of `held_out`, to validate on.

    Attributes:
        representation: the latents to work on: wavcube for the packaged model's, or wavcube:FOLDER.
        init_from: a trained model to go on from, on other mixtures: its folder or run, or "packaged". The run has its
            representation and sizes.
        transformer: sizes that differ from the defaults, by the names of `FrameTransformerConfig`.
    """

    representation: str = "wavcube"
    init_from: str = ""
    transformer: dict[str, Any] = field(default_factory=dict)
    mixtures: Any = None
    held_out: Any = None
    batches: BatchSettings = field(default_factory=BatchSettings)
    optimizer: OptimizerConfig = field(default_factory=_optimizer)
    validation: ValidationSettings = field(default_factory=ValidationSettings)


Config = TypeVar("Config", bound=RegressionTrainConfig)


def read_recipe(kind: type[Config], recipe: str | Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Defaults of `kind`, then a recipe over its bases, then `settings` (`key.inner=value`, as with `--set`).

    Raises:
        ConfigError: an unknown key, a value of the wrong type or an impossible one, by name and file.
    """
    merged = OmegaConf.structured(kind)
    for path in recipe_chain(recipe):
        values = load_yaml(path)
        values.pop("base", None)
        merged = merge(merged, values, str(path))
    return _checked(kind, merge_settings(merged, settings))


def load_settings(kind: type[Config], path: Path, settings: Sequence[str] = ()) -> Config:
    """The resolved configuration that a run wrote, with `settings` over it."""
    merged = merge(OmegaConf.structured(kind), load_yaml(path), str(path))
    return _checked(kind, merge_settings(merged, settings))


def sizes(config: RegressionTrainConfig) -> FrameTransformerConfig:
    """The transformer of a new run.

    Raises:
        ConfigError: an unknown or impossible size.
    """
    defaults = OmegaConf.structured(FrameTransformerConfig)
    return as_dataclass(merge(defaults, OmegaConf.create(config.transformer), "transformer"), FrameTransformerConfig)


def _checked(kind: type[Config], merged: DictConfig) -> Config:
    config = as_dataclass(merged, kind)
    check_fit(config)
    batches = config.batches
    require(
        (bool(config.mixtures.speech), "mixtures.speech is empty: say what to train on"),
        (0.5 <= batches.seconds < 60, f"batches.seconds is {batches.seconds}; it lies from 0.5 to below 60"),
        (batches.mixtures > 0, f"batches.mixtures is {batches.mixtures}; it must be 1 or more"),
        (
            batches.pool == 0 or batches.pool >= batches.mixtures,
            f"batches.pool is {batches.pool}; it must be 0, or hold a batch of {batches.mixtures} mixtures",
        ),
        (batches.workers >= 0, f"batches.workers is {batches.workers}; it must be 0 or more"),
        (config.hardware.strategy != "fsdp", "hardware.strategy is auto or ddp: this model is too small for fsdp"),
        (
            bool(config.held_out.speech) or not config.validation.every,
            "held_out.speech is empty: say what to validate on, or set validation.every=0",
        ),
        (config.validation.mixtures > 0, f"validation.mixtures is {config.validation.mixtures}; it must be 1 or more"),
    )
    sizes(config)
    return config
