"""`wavcube train`: the two stages, and the pitch network of small models to begin with."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli.options import Recipe, Resume, RunFolder, Settings
from wavcube.errors import MissingDependencyError

train_app = typer.Typer(help="Train a model: stage 1, then stage 2.", no_args_is_help=True)

Encoder = Annotated[str, typer.Option("--from", help="Speech encoder: a run, a folder or a hub id of transformers.")]
Run = Annotated[
    str, typer.Option("--from", help='A run of stage 1, a model in training form, or "packaged" (wavcube-nano).')
]
PitchRun = Annotated[
    str, typer.Option("--pitch", help="A run of `wavcube train pitch`, for encoders with pitch features.")
]


@train_app.command()
def stage1(
    out: RunFolder,
    recipe: Recipe = None,
    init_from: Encoder = "",
    pitch: PitchRun = "",
    settings: Settings = None,
    resume: Resume = False,
) -> None:
    """Learn a latent of a frozen speech encoder's features, and to speak from it."""
    _train("stage1", recipe, {"init_from": init_from, "model.pitch": pitch}, out, settings, resume)


@train_app.command()
def stage2(
    out: RunFolder,
    recipe: Recipe = None,
    init_from: Run = "",
    settings: Settings = None,
    resume: Resume = False,
) -> None:
    """Let the encoder learn too, anchored by its frozen copy."""
    _train("stage2", recipe, {"init_from": init_from}, out, settings, resume)


@train_app.command("pitch")
def pitch_task(out: RunFolder, recipe: Recipe = None, settings: Settings = None, resume: Resume = False) -> None:
    """Train the network that finds the pitch among an encoder's features, after SwiftF0."""
    _train("pitch", recipe, {}, out, settings, resume)


def _train(
    task: str, recipe: str | None, named: dict[str, str], out: Path, settings: list[str] | None, resume: bool
) -> None:
    overrides = [f"{key}={value!r}" for key, value in named.items() if value]
    run_training("training", "train", task, out, recipe=recipe, settings=[*overrides, *(settings or [])], resume=resume)


def run_training(part: str, extras: str, *arguments: Any, recipe: str | None, **options: Any) -> None:
    """`train_run` of a part of the package, such as "generation.tts.training", with these arguments.

    Raises:
        ConfigError: no such recipe; before anything slow is imported.
        MissingDependencyError: packages of `extras` are not installed.
        typer.Exit: training was interrupted (130, as after Ctrl-C everywhere).
    """
    from wavcube.configuration.recipes import recipe_chain

    recipe_chain(recipe)
    try:
        train_run = import_module(f"wavcube.{part}.run").train_run
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[{extras}]"') from error
    if not train_run(*arguments, recipe=recipe, **options):
        raise typer.Exit(130)
