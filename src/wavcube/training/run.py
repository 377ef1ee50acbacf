"""From a command to a run: settle the configuration, then train."""

import functools
from pathlib import Path

from wavcube.errors import ConfigError, MissingDependencyError

MAY_CHANGE = ("hardware.", "validation.", "run.", "loader.workers", "loader.feature_cache", "init_from", "teacher")
"""Settings that a resumed run may have other values of (but for run.seed): they do not change what is learnt."""


def train_run(
    task: str,
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    settings: list[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train a task in a run folder.

    Args:
        task: "distill", "stage1" or "stage2".
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` they may be left out: the run knows its own.
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        ConfigError: a setting is unknown or impossible, or the folder holds another run.
        CheckpointError: what it starts from is missing, damaged or of the wrong kind.
        DataError: there is no usable data.
    """
    try:
        from wavcube.engine.fit import fit
        from wavcube.engine.run_dir import settle_config
        from wavcube.training.recipe import load_config, read_recipe
        from wavcube.training.tasks import build_trainable
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[train]"') from error
    folder = Path(folder)
    requested = None
    if recipe is not None or settings or not resume:
        if recipe is None:
            raise ConfigError("name a recipe with --recipe (or, to go on with a run as it is, only --resume and --out)")
        requested = read_recipe(task, recipe, settings)
    config = settle_config(folder, requested, resume, load=load_config, may_change=MAY_CHANGE)
    if config.task != task:
        raise ConfigError(f"{folder}: is a run of {config.task}, not of {task}")
    return fit(config, folder, functools.partial(build_trainable, config))
