"""From a command to a run: settle the configuration, then train."""

import functools
from collections.abc import Sequence
from pathlib import Path

from wavcube.engine.run_dir import open_run
from wavcube.errors import ConfigError, MissingDependencyError
from wavcube.training.config import TrainConfig
from wavcube.training.recipe import load_config, read_recipe

FIXED = ("task", "model.", "losses.", "discriminator.")
"""Beginnings of the names of settings that must stay what they were: they are what is learnt."""

FREE = ("model.statistics_clips", "discriminator.lr", "discriminator.warmup")
"""Exceptions."""


def train_run(
    task: str,
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    settings: Sequence[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train a task in a run folder.

    Args:
        task: "pitch", "stage1" or "stage2".
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` both may be left out, and only what is to change need be
            given: the run knows the rest (see `open_run`).
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        ConfigError: a setting is unknown or impossible, or the folder holds another run.
        CheckpointError: what it starts from is missing, damaged or of the wrong kind.
        DataError: there is no usable data.
    """
    run = open_run(
        Path(folder),
        recipe,
        settings or [],
        resume,
        read=functools.partial(read_recipe, task),
        load=functools.partial(_load, task),
        fixed=lambda name: name.startswith(FIXED) and name not in FREE,
    )
    try:
        from wavcube.engine.fit import fit
        from wavcube.training.tasks import build_trainable
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[train]"') from error
    return fit(run, functools.partial(build_trainable, run.config))


def _load(task: str, path: Path, settings: Sequence[str]) -> TrainConfig:
    config = load_config(path, settings)
    if config.task != task:
        raise ConfigError(f"{path.parent}: is a run of {config.task}, not of {task}")
    return config
