"""`wavcube prepare`: a corpus on disk -> a checked manifest to train on."""

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wavcube.data.prepare.corpus import Corpus
    from wavcube.data.prepare.manifest import Summary

app = typer.Typer(
    help="List and check a corpus that is on disk, for training. Nothing is downloaded.", no_args_is_help=True
)


class Check(StrEnum):
    """How closely recordings are looked at."""

    header = "header"
    decode = "decode"


Source = Annotated[Path, typer.Argument(help="The folder of the corpus.")]
Manifest = Annotated[Path, typer.Argument(help="The manifest to write, a .tsv file.")]
CheckOption = Annotated[Check, typer.Option(help="Read the header of every recording, or decode all of it.")]
Jobs = Annotated[int, typer.Option(min=1, help="Recordings that are opened at a time.")]

_JOBS = min(16, 2 * (os.cpu_count() or 1))  # opening waits for the disk as much as for the processor
_WARNINGS_SHOWN = 20


@app.command()
def librispeech(source: Source, out: Manifest, check: CheckOption = Check.header, jobs: Jobs = _JOBS) -> None:
    """LibriSpeech, any of its subsets."""
    from wavcube.data.prepare.libri import find_clips
    from wavcube.data.prepare.librispeech import LIBRISPEECH

    _table(source, out, lambda folder: find_clips(folder, LIBRISPEECH), check, jobs)


@app.command()
def libritts(source: Source, out: Manifest, check: CheckOption = Check.header, jobs: Jobs = _JOBS) -> None:
    """LibriTTS or LibriTTS-R, any of their subsets."""
    from wavcube.data.prepare.libri import find_clips
    from wavcube.data.prepare.libritts import LIBRITTS

    _table(source, out, lambda folder: find_clips(folder, LIBRITTS), check, jobs)


@app.command()
def folder(source: Source, out: Manifest, check: CheckOption = Check.header, jobs: Jobs = _JOBS) -> None:
    """Any folder of audio."""
    from wavcube.data.prepare.folder import find_folder

    _table(source, out, find_folder, check, jobs)


@app.command()
def libriheavy(
    source: Annotated[Path, typer.Argument(help="The folder of libriheavy_cuts_*.jsonl.gz.")],
    out: Annotated[Path, typer.Argument(help="The folder to write manifests and their indices to.")],
    audio_root: Annotated[
        Path | None, typer.Option(help="What the paths in the manifests are relative to. [default: SOURCE]")
    ] = None,
    check: CheckOption = Check.header,
    jobs: Jobs = _JOBS,
) -> None:
    """Libriheavy, whose audio is Libri-Light's."""
    from wavcube.data.prepare.check import Level
    from wavcube.data.prepare.libriheavy import prepare_libriheavy
    from wavcube.progress import stages

    root = Path(os.path.abspath(audio_root or source))
    with stages() as report:
        summary = prepare_libriheavy(source, out, root, Level(check), jobs, report)
    _show(summary, {"root": os.fspath(root)})


def _table(source: Path, out: Path, find: "Callable[[Path], Corpus]", check: Check, jobs: int) -> None:
    from wavcube.data.prepare.check import Level
    from wavcube.data.prepare.tables import prepare_table
    from wavcube.progress import stages

    with stages() as report:
        summary = prepare_table(source, out, find, Level(check), jobs, report)
    _show(summary, {})


def _show(summary: "Summary", options: dict[str, str]) -> None:
    """Print what was found, what is wrong with it, and how a recipe names it."""
    from rich.console import Console
    from rich.table import Table

    table = Table("subset", "recordings", "hours", "speakers", "cannot be used")
    for name, subset in summary.subsets.items():
        hours = f"{subset.seconds / 3600:,.2f}"
        table.add_row(name or "-", f"{subset.recordings:,}", hours, f"{len(subset.speakers):,}", f"{subset.bad:,}")
    Console().print(table)
    for warning in summary.warnings[:_WARNINGS_SHOWN]:
        print(f"note: {warning}", file=sys.stderr)
    if len(summary.warnings) > _WARNINGS_SHOWN:
        print(f"note: and {len(summary.warnings) - _WARNINGS_SHOWN} more like these", file=sys.stderr)
    if summary.bad_list:
        print(f"What cannot be used, and why, is listed in {summary.bad_list}", file=sys.stderr)
    print("In a recipe:\n\ndata:\n  sources:")
    for path in summary.outputs:
        print(f"    - path: {os.path.abspath(path)}")
        for key, value in options.items():
            print(f"      {key}: {value}")
        if len(summary.outputs) < len(summary.subsets) and all(summary.subsets):
            print(f"      where: {{subset: {'|'.join(summary.subsets)}}}")
