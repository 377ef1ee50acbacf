"""`wavcube enhance` and `wavcube train enhance`: noise and reverberation off."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import options
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.errors import MissingDependencyError, WavCubeError


def enhance(
    inputs: Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")],
    output: Annotated[
        Path,
        typer.Option("--out", "--output", "-o", help="Folder for the results, or for one recording a .wav or .flac."),
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="An enhancement model's folder or run; by default the packaged.")
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Where the WavCube lies that the model was trained on, if it has been moved.")
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="1 for all that the model does; 0 leaves the latent as it is.")
    ] = 1.0,
    device: options.DeviceOption = options.Device.auto,
    format: Annotated[AudioFormat, typer.Option(help="File format of results in a folder.")] = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Take noise and reverberation off speech; what comes out is made anew by the decoder, at 16 kHz."""
    import numpy as np

    from wavcube.audio.io import AUDIO_SUFFIXES
    from wavcube.cli.many_files.batches import BatchLimits, Task, run
    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.plan import Plan, make_plan, settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import find_recordings, read_recording, write_recording

    found = find_recordings(inputs)
    if output.suffix.lower() in (".wav", ".flac") and not output.is_dir():
        if len(found) != 1 or Path(inputs[0]).is_dir():
            raise WavCubeError(f"{output}: is one file, the inputs are {len(found)}; give a folder for the results")
        if output.exists() and output.resolve() == found[0].path.resolve():
            raise WavCubeError(f"{output}: is the input itself; give another name")
        plan = Plan([Job(found[0].path, output, Path(output.name))])
    else:
        plan = make_plan(found, output, f".{format}", AUDIO_SUFFIXES)

    from wavcube.generation.enhancement.pipeline import SpeechEnhancer

    enhancer = SpeechEnhancer.from_pretrained(model, codec=codec, device=options.torch_device(device))
    maker = Maker("enhance" if strength == 1 else f"enhance --strength {strength:g}", enhancer)
    settle_existing(plan, maker, overwrite)

    def compute(recordings: list[dict[str, Any]]) -> list[np.ndarray]:
        return enhancer.enhance(recordings, strength=strength)

    task = Task(
        "enhanced",
        lambda job: read_recording(job, enhancer, maker),
        compute,
        lambda job, waveform: write_recording(job, waveform, enhancer, maker),
    )
    above = enhancer.chunking.above
    run(plan, task, BatchLimits(20.0, 0.25, above or 30.0), strict=strict, workers=enhancer.codec.workers)


def train_enhance(
    recipe: Annotated[str, typer.Option("--recipe", help="A recipe (YAML), or the name of one of the package's.")] = "",
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="Folder of the run.")] = ...,  # type: ignore[assignment]
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key.inner=value, over the recipe; may be given several times.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, or begin it.")] = False,
) -> None:
    """Learn to clean latents of noisy speech, on mixtures of speech, noise and rooms."""
    from wavcube.config import recipe_chain

    recipe_chain(recipe or None)  # a misspelt one is refused before anything slow is imported
    try:
        from wavcube.generation.enhancement.training.run import train_run
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f'training needs {error.name}: pip install "wavcube[train]"') from error
    if not train_run(out, recipe=recipe or None, settings=settings, resume=resume):
        raise typer.Exit(130)
