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
from wavcube.generation.regression.training.config import load_settings, read_recipe
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
    settings: Sequence[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train in a run folder.

    Args:
        kind: what is trained.
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` both may be left out, and only what is to change need be
            given: the run knows the rest (see `open_run`).
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        WavCubeError: what the user can mend.
    """
    run = open_run(
        Path(folder),
        recipe,
        settings or [],
        resume,
        read=functools.partial(read_recipe, kind.settings_type),
        load=functools.partial(load_settings, kind.settings_type),
        fixed=lambda name: name.startswith(FIXED),
    )
    return fit(run, functools.partial(build_trainable, kind, run.config))
