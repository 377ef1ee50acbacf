"""From a command to a run of text to speech.

RUN/config.yaml, sessions.jsonl, metrics.jsonl, tensorboard/, curves.png     as in every run
RUN/checkpoints/step-N/     a model (the average of the weights), and what training goes on from
RUN/samples/step-N/         sentences spoken on the way
RUN/model/                  the outcome, for `TextToSpeech.from_pretrained`
"""

import functools
from pathlib import Path

from wavcube.engine.fit import fit
from wavcube.engine.run_dir import settle_config
from wavcube.errors import ConfigError
from wavcube.generation.tts.training.recipe import load_settings, read_recipe
from wavcube.generation.tts.training.task import build_trainable

MAY_CHANGE = (
    "hardware.",
    "samples.",
    "validation.",
    "run.",
    "data.cache",
    "data.validation",
    "representation",
    "init_from",
)
"""Settings that a resumed run may have other values of (the representation may lie elsewhere, but not be another one);
run.seed is the exception."""


def train_run(
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    init_from: str = "",
    settings: list[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train in a run folder.

    Args:
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` they may be left out: the run knows its own.
        init_from: a model to fine-tune, over the recipe's.
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        WavCubeError: what the user can mend.
    """
    folder = Path(folder)
    requested = None
    if recipe is not None or settings or init_from or not resume:
        if recipe is None:
            raise ConfigError("name a recipe with --recipe (or, to go on with a run as it is, only --resume and --out)")
        requested = read_recipe(recipe, [*([f"init_from={init_from!r}"] if init_from else []), *(settings or [])])
    config = settle_config(folder, requested, resume, load=load_settings, may_change=MAY_CHANGE)
    return fit(config, folder, functools.partial(build_trainable, config, folder))
