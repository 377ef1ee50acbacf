"""From a command to a run of text to speech.

RUN/config.yaml, sessions.jsonl, metrics.jsonl, tensorboard/, curves.png     as in every run
RUN/checkpoints/step-N/     a model (the average of the weights), and what training goes on from
RUN/samples/step-N/         sentences spoken on the way
RUN/model/                  the outcome, for `TextToSpeech.from_pretrained`
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from wavcube.engine.fit import fit
from wavcube.engine.run_dir import open_run
from wavcube.errors import ConfigError
from wavcube.generation.tts.model import representation_of
from wavcube.generation.tts.training.config import SpeechTrainConfig
from wavcube.generation.tts.training.recipe import load_settings, read_recipe
from wavcube.generation.tts.training.task import build_trainable

FIXED = ("model.", "flow.", "few_steps.")
"""Beginnings of the names of settings that must stay what they were. The representation may lie elsewhere; that it is
the same one is checked where it is loaded."""


def train_run(
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    init_from: str = "",
    settings: Sequence[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train in a run folder.

    Args:
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` both may be left out, and only what is to change need be
            given: the run knows the rest (see `open_run`).
        init_from: a model to fine-tune, over the recipe's ("packaged" for the package's own). The run has its
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
        read=_read,
        load=load_settings,
        fixed=lambda name: name.startswith(FIXED),
    )
    return fit(run, functools.partial(build_trainable, run.config, run.folder))


def _read(recipe: str | Path, settings: Sequence[str]) -> SpeechTrainConfig:
    """A recipe with settings; a run that starts from a model adopts its representation."""
    config = read_recipe(recipe, settings)
    if config.few_steps.steps and not config.init_from:
        raise ConfigError("few_steps teaches few steps to a trained model: name that with --from")
    if config.init_from and not any(setting.startswith("representation=") for setting in settings):
        config.representation = representation_of(config.init_from)
    return config
