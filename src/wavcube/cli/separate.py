"""`wavcube separate` and `train separate`: two talkers apart, or one whose voice is known."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import options
from wavcube.cli.enhance import OutputKind
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.errors import MissingDependencyError, WavCubeError

TALKERS = ("talker1", "talker2")
"""Names of the results of a recording."""


def separate(
    inputs: Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")],
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="Folder for the results.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A separation model's folder or run; by default the packaged.")
    ] = None,
    enroll: Annotated[
        Path | None,
        typer.Option(help="A recording of one talker alone, of 1 s or more: only this voice is kept."),
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Where the WavCube lies that the model was trained on, if it has been moved.")
    ] = None,
    kind: Annotated[
        OutputKind,
        typer.Option("--kind", help="masked: the recording with gains; decoded: made anew of the latents."),
    ] = OutputKind.masked,
    device: options.DeviceOption = options.Device.auto,
    format: Annotated[AudioFormat, typer.Option(help="File format of results in a folder.")] = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Two talkers at once -> NAME/talker1 and NAME/talker2, or with --enroll the one voice, at 16 kHz."""
    import numpy as np

    from wavcube.cli.many_files.batches import BatchLimits, Task, run
    from wavcube.cli.many_files.plan import settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import plan_recordings, read_recording, write_recordings
    from wavcube.hashing import fingerprint_file

    if enroll is None and output.suffix.lower() in (".wav", ".flac"):
        raise WavCubeError(f"{output}: there are two results; give a folder, or the voice to keep with --enroll")
    if enroll is not None and not enroll.is_file():
        raise WavCubeError(f"{enroll}: no such recording of the voice to keep")
    if enroll is None:
        plan = plan_recordings(inputs, output, format, parts=TALKERS)
    else:
        plan = plan_recordings(inputs, output, format, kept=[enroll])

    from wavcube.generation.separation.pipeline import SpeechSeparator

    separator = SpeechSeparator.from_pretrained(model, codec=codec, device=options.torch_device(device))
    named = f"separate --kind {kind}" + (f" --enroll {fingerprint_file(enroll)}" if enroll else "")
    maker = Maker(named, separator)
    settle_existing(plan, maker, overwrite)
    voice = separator.enrolment(enroll) if enroll else None  # one that cannot be used is one error, not one a recording

    def compute(recordings: list[dict[str, Any]]) -> list[np.ndarray]:
        if voice is not None:
            return [made[None] for made in separator.extract(recordings, voice, output=kind.value)]
        return separator.separate(recordings, output=kind.value)

    task = Task(
        "separated",
        lambda job: read_recording(job, separator, maker),
        compute,
        lambda job, waveforms: write_recordings(job, waveforms, separator, maker),
    )
    above = separator.chunking.above
    run(plan, task, BatchLimits(20.0, 0.25, above or 30.0), strict=strict, workers=separator.codec.workers)


def train_separate(
    out: options.RunFolder,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    resume: options.Resume = False,
) -> None:
    """Learn to separate latents of two talkers, with and without a recording of one of them."""
    from wavcube.config import recipe_chain

    recipe_chain(recipe)  # a misspelt one is refused before anything slow is imported
    try:
        from wavcube.generation.separation.training.run import train_run
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[train]"') from error
    if not train_run(out, recipe=recipe, settings=settings, resume=resume):
        raise typer.Exit(130)
