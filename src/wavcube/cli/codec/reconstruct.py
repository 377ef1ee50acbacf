"""`wavcube reconstruct`: recordings -> the same speech through the latent and back."""

from typing import Annotated, Any

import typer

from wavcube.cli import options
from wavcube.cli.many_files.recordings import AudioFormat


def reconstruct(
    inputs: options.Recordings,
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
    from wavcube.cli.many_files.plan import make_plan
    from wavcube.cli.many_files.recordings import find_recordings
    from wavcube.cli.many_files.speech_tool import run_tool

    plan = make_plan(find_recordings(inputs), output, f".{format}", AUDIO_SUFFIXES)
    loaded = options.load_model(model, device, dtype, fast, backend, exact)

    def compute(recordings: list[dict[str, Any]]) -> list[np.ndarray]:
        speech = loaded.reconstruct(recordings)
        return [waveform.float().cpu().numpy() for waveform in speech]

    run_tool(
        plan,
        loaded,
        "reconstruct",
        "reconstructed",
        compute,
        overwrite=overwrite,
        strict=strict,
        workers=loaded.workers,
        limits=options.batch_limits(batch_seconds, padding, loaded),
    )
