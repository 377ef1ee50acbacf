"""From a command to a run.

RUN/config.yaml, sessions.jsonl, metrics.jsonl, tensorboard/, curves.png     as in every run
RUN/checkpoints/step-N/     a model (the average of the weights), and what training goes on from
RUN/model/                  the outcome, for `from_pretrained` of its tool
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from wavcube.engine.fit import fit
from wavcube.engine.run_dir import open_run
from wavcube.generation.regression.training.config import RegressionTrainConfig, load_settings, read_recipe
from wavcube.generation.regression.training.objective import RegressionObjective
from wavcube.generation.regression.training.task import build_trainable

FIXED = ("transformer.", "batches.seconds")
"""Beginnings of the names of settings that must stay what they were. The representation may lie elsewhere; that it is
the same one is checked where it is loaded."""


def train_run(
    kind: type[RegressionObjective],
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    init_from: str = "",
    settings: Sequence[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train in a run folder.

    Args:
        kind: what is trained.
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` both may be left out, and only what is to change need be
            given: the run knows the rest (see `open_run`).
        init_from: a model to go on from, over the recipe's ("packaged" for the package's own). The run has its
            representation, unless `settings` name where that lies.
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        WavCubeError: what the user can mend.
    """
    given = [*([f"init_from={init_from!r}"] if init_from else []), *(settings or [])]
    run = open_run(
        Path(folder),
        recipe,
        given,
        resume,
        read=functools.partial(_read, kind),
        load=functools.partial(load_settings, kind.settings_type),
        fixed=lambda name: name.startswith(FIXED),
    )
    return fit(run, functools.partial(build_trainable, kind, run.config))


def _read(kind: type[RegressionObjective], recipe: str | Path, settings: Sequence[str]) -> RegressionTrainConfig:
    """A recipe with settings; a run that starts from a model adopts its representation."""
    config = read_recipe(kind.settings_type, recipe, settings)
    if config.init_from and not any(setting.startswith("representation=") for setting in settings):
        config.representation = kind.model_type.config_of(config.init_from).representation.spec
    return config
