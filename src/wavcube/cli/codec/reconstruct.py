"""`wavcube reconstruct`: recordings -> the same speech through the latent and back."""

from typing import Annotated, Any

import typer

from wavcube.cli import options
from wavcube.cli.many_files.recordings import AudioFormat


def reconstruct(
    inputs: Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")],
    output: options.OutputFolder,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
    dtype: options.PrecisionOption = None,
    fast: options.Fast = False,
    exact: options.Exact = False,
    backend: options.BackendOption = None,
    format: Annotated[AudioFormat, typer.Option(help="File format of the results.")] = AudioFormat.wav,
    batch_seconds: options.BatchSeconds = None,
    padding: options.Padding = 0.25,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Encode recordings and decode them again, to check what the latent keeps."""
    import numpy as np

    from wavcube.audio.io import AUDIO_SUFFIXES
    from wavcube.cli.many_files.batches import Task, run
    from wavcube.cli.many_files.plan import make_plan, settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import find_recordings, read_recording, write_recording

    plan = make_plan(find_recordings(inputs), output, f".{format}", AUDIO_SUFFIXES)
    loaded = options.load_model(model, device, dtype, fast, backend, exact)
    maker = Maker("reconstruct", loaded)
    settle_existing(plan, maker, overwrite)

    def compute(recordings: list[dict[str, Any]]) -> list[np.ndarray]:
        speech = loaded.reconstruct(recordings)
        return [waveform.float().cpu().numpy() for waveform in speech]

    task = Task(
        "reconstructed",
        lambda job: read_recording(job, loaded, maker),
        compute,
        lambda job, waveform: write_recording(job, waveform, loaded, maker),
    )
    run(plan, task, options.batch_limits(batch_seconds, padding, loaded), strict=strict, workers=loaded.workers)
