"""`wavcube encode`: recordings -> files of latents."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wavcube.cli import options


class LatentFormat(StrEnum):
    """The file format of latents; npy keeps the bare array alone."""

    safetensors = "safetensors"
    npy = "npy"
    pt = "pt"


def encode(
    inputs: Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")],
    output: options.OutputFolder,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
    dtype: options.PrecisionOption = options.Precision.float32,
    fast: options.Fast = False,
    backend: options.BackendOption = None,
    format: Annotated[LatentFormat, typer.Option(help="File format; npy loses all but the values.")] = (
        LatentFormat.safetensors
    ),
    batch_seconds: options.BatchSeconds = None,
    padding: options.Padding = 0.25,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Encode recordings to latents, one file each."""
    from dataclasses import replace

    from wavcube.audio.io import AUDIO_SUFFIXES
    from wavcube.cli.many_files.batches import Task, run
    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.plan import make_plan, settle_existing
    from wavcube.cli.many_files.provenance import KEY, Maker
    from wavcube.cli.many_files.recordings import find_recordings, read_recording
    from wavcube.files import readable
    from wavcube.latents import Latents

    plan = make_plan(find_recordings(inputs), output, f".{format}", AUDIO_SUFFIXES)
    loaded = options.load_model(model, device, dtype, fast, backend)
    maker = Maker("encode", loaded)
    settle_existing(plan, maker, overwrite)

    def compute(recordings: list[dict[str, Any]]) -> list[Latents]:
        return list(loaded.encode(recordings).to("cpu"))

    def write(job: Job, latents: Latents) -> None:
        assert latents.samples is not None
        seconds = int(latents.samples[0]) / latents.sample_rate
        made = {
            "name": readable(job.relative.as_posix()),
            "seconds": f"{seconds:.3f}",
            KEY: maker.record(job, seconds).text(),
        }
        replace(latents, metadata=[made]).save(job.target)

    task = Task("encoded", lambda job: read_recording(job, loaded, maker), compute, write)
    run(plan, task, options.batch_limits(batch_seconds, padding, loaded), strict=strict, workers=loaded.workers)
