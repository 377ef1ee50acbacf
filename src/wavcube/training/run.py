"""From a command to a run: settle the configuration, then train."""

from pathlib import Path

from wavcube.errors import ConfigError, MissingDependencyError


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
        from wavcube.engine.fit import train
        from wavcube.engine.run_dir import settle_config
        from wavcube.training.recipe import read_recipe
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[train]"') from error
    folder = Path(folder)
    requested = None
    if recipe is not None or settings or not resume:
        if recipe is None:
            raise ConfigError("name a recipe with --recipe (or, to go on with a run as it is, only --resume and --out)")
        requested = read_recipe(task, recipe, settings)
    config = settle_config(folder, requested, resume)
    if config.task != task:
        raise ConfigError(f"{folder}: is a run of {config.task}, not of {task}")
    return train(config, folder)
