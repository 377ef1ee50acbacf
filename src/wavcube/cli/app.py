"""The `wavcube` command: its groups, and the one place where errors become one sentence and an exit code."""

import io
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import typer

from wavcube import __version__
from wavcube.cli.codec.convert import convert
from wavcube.cli.codec.decode import decode
from wavcube.cli.codec.demo import demo
from wavcube.cli.codec.encode import encode
from wavcube.cli.codec.export import export
from wavcube.cli.codec.info import info
from wavcube.cli.codec.push import push
from wavcube.cli.codec.reconstruct import reconstruct
from wavcube.cli.convert_voice import convert_voice, evaluate_conversion, prepare_conversion_pairs
from wavcube.cli.enhance import enhance, evaluate_enhancement, prepare_noisy, train_enhance
from wavcube.cli.evaluate import evaluate
from wavcube.cli.prepare import app as prepare
from wavcube.cli.probe import probe
from wavcube.cli.separate import evaluate_separation, prepare_mixtures, separate, train_separate
from wavcube.cli.superb import superb
from wavcube.cli.train import train_app as train
from wavcube.cli.tts import evaluate_tts, train_tts, tts
from wavcube.cli.web import app as web
from wavcube.errors import WavCubeError, WavCubeWarning
from wavcube.files import readable, reason

app = typer.Typer(
    name="wavcube",
    help="Speech as one compact continuous latent: encode, decode, train, evaluate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(requested: bool) -> None:
    if requested:
        print(f"wavcube {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


for command in (encode, decode, reconstruct, convert, export, info, push, demo):
    app.command(rich_help_panel="Representation")(command)
train.command("tts")(train_tts)
train.command("enhance")(train_enhance)
train.command("separate")(train_separate)
evaluate.command("tts")(evaluate_tts)
evaluate.command("enhancement")(evaluate_enhancement)
evaluate.command("conversion")(evaluate_conversion)
evaluate.command("separation")(evaluate_separation)
prepare.command("noisy")(prepare_noisy)
prepare.command("mixtures")(prepare_mixtures)
prepare.command("conversion-pairs")(prepare_conversion_pairs)
for name, group, panel in (
    ("prepare", prepare, "Training"),
    ("train", train, "Training"),
    ("evaluate", evaluate, "Evaluation"),
    ("superb", superb, "Evaluation"),
):
    app.add_typer(group, name=name, rich_help_panel=panel)
app.command(rich_help_panel="Evaluation")(probe)
app.command(rich_help_panel="Generation")(tts)
app.command(rich_help_panel="Generation")(enhance)
app.command("convert-voice", rich_help_panel="Generation")(convert_voice)
app.command("app", rich_help_panel="Demonstration")(web)
app.command(rich_help_panel="Generation")(separate)


def main() -> None:
    """Run the command line; a user's error prints one sentence on stderr and exits with 1 (Ctrl-C: typer, 130)."""
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold bytes that are no UTF-8
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:  # as in `wavcube ... >&-`
                sys.stdout.flush()
    except WavCubeError as error:
        _end(str(error))
    except BrokenPipeError:  # whoever reads the output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            # What is still in Python's buffer would fail once more at its end, with a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = readable(error.filename) if error.filename else "the output" if error.errno else ""
        _end(f"{where}: {reason(error)}" if where else str(error))


def _show_warning(otherwise: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Print a warning of ours as one sentence, without the line of code that it comes from."""
    if issubclass(category, WavCubeWarning):
        print(f"warning: {message}", file=sys.stderr)
    else:
        otherwise(message, category, *where)


def _end(sentence: str) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)
