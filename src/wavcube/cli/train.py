"""`wavcube train`: the two stages."""

from pathlib import Path

import typer

train_app = typer.Typer(name="train", help="Train a model: stage 1, then stage 2.", no_args_is_help=True)

RECIPE = typer.Option(None, "--recipe", help="A recipe (YAML), or the name of one that comes with the package.")
START = typer.Option("", "--from", help="Speech encoder (stage 1), or run or model (stage 2), to start from.")
OUT = typer.Option(..., "--out", help="Folder of the run.")
SETTINGS = typer.Option([], "--set", help="key.inner=value, over the recipe; may be given several times.")
RESUME = typer.Option(False, "--resume", help="Go on with the run in --out (begin it if there is none yet).")


@train_app.command()
def stage1(
    recipe: str = RECIPE, start: str = START, out: Path = OUT, settings: list[str] = SETTINGS, resume: bool = RESUME
) -> None:
    """Learn a latent of a frozen speech encoder's features, and to speak from it."""
    _train("stage1", recipe, start, out, settings, resume)


@train_app.command()
def stage2(
    recipe: str = RECIPE, start: str = START, out: Path = OUT, settings: list[str] = SETTINGS, resume: bool = RESUME
) -> None:
    """Let the encoder learn too, anchored by its frozen copy."""
    _train("stage2", recipe, start, out, settings, resume)


def _train(task: str, recipe: str | None, start: str, out: Path, settings: list[str], resume: bool) -> None:
    from wavcube.training.run import train_run

    finished = train_run(task, out, recipe=recipe, start=start, settings=settings, resume=resume)
    if not finished:
        raise typer.Exit(130)
