"""`wavcube decode`: files of latents -> recordings."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli import options
from wavcube.cli.many_files.recordings import AudioFormat

if TYPE_CHECKING:
    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.codec import WavCube
    from wavcube.latents import Latents


def decode(
    inputs: Annotated[list[str], typer.Argument(help="Latents, folders (searched recursively) or quoted globs.")],
    output: options.OutputFolder,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
    dtype: options.PrecisionOption = None,
    fast: options.Fast = False,
    exact: options.Exact = False,
    backend: options.BackendOption = None,
    format: Annotated[AudioFormat, typer.Option(help="File format of the results.")] = AudioFormat.wav,
    force: Annotated[bool, typer.Option("--force", help="Decode latents of another model of the same width.")] = False,
    batch_seconds: options.BatchSeconds = None,
    padding: options.Padding = 0.25,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Decode files of latents to recordings of the length that was encoded."""
    import numpy as np

    from wavcube.cli.many_files.batches import Task, run
    from wavcube.cli.many_files.plan import make_plan, settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import write_recording
    from wavcube.errors import LatentsError
    from wavcube.files import find_files
    from wavcube.latent_files import LATENT_SUFFIXES
    from wavcube.latents import Latents

    found = find_files(inputs, LATENT_SUFFIXES, "latents", LatentsError)
    plan = make_plan(found, output, f".{format}", LATENT_SUFFIXES)
    loaded = options.load_model(model, device, dtype, fast, backend, exact)
    maker = Maker("decode", loaded, forced=force)
    settle_existing(plan, maker, overwrite)

    def compute(items: list[Latents]) -> list[np.ndarray]:
        batch = Latents.batch(items)
        waveforms = loaded.decode(batch)
        assert batch.samples is not None
        return [
            waveform[: int(count)].float().cpu().numpy()
            for waveform, count in zip(waveforms, batch.samples, strict=True)
        ]

    task = Task(
        "decoded",
        lambda job: _read(job, loaded, maker),
        compute,
        lambda job, waveform: write_recording(job, waveform, loaded, maker),
    )
    run(plan, task, options.batch_limits(batch_seconds, padding, loaded), strict=strict, workers=loaded.workers)


def _read(job: "Job", model: "WavCube", maker: "Maker") -> "tuple[Latents, float]":
    """Latents of one recording that fit the model, and their length in seconds.

    What may differ between files that can share a batch is made alike: type, knowledge of samples, model.
    """
    from wavcube.errors import LatentsError
    from wavcube.latents import Latents

    maker.note(job)
    latents = Latents.load(job.source, frame_rate=model.frame_rate, sample_rate=model.sample_rate)
    width = latents.values.shape[2]
    if len(latents) != 1:
        raise LatentsError(f"{job.source}: holds {len(latents)} items; decode them in Python, or save them one a file")
    advice = "name the model that made it with --model"
    if width != model.latent_dim:
        raise LatentsError(f"{job.source}: is {width} numbers wide, this model's latents {model.latent_dim}; {advice}")
    if latents.frame_rate != model.frame_rate:
        rates = f"has {latents.frame_rate:g} frames a second, this model's latents {model.frame_rate:g}"
        raise LatentsError(f"{job.source}: {rates}; {advice}")
    if not maker.forced and latents.model_id not in (None, model.identity):
        raise LatentsError(
            f"{job.source}: was made by another model ({latents.model_id}, this one is {model.identity}); {advice}, "
            "or give --force if you know that they fit"
        )
    if int(latents.lengths[0]) == 0:
        raise LatentsError(f"{job.source}: holds no frames")
    samples = latents.lengths * latents.hop_length if latents.samples is None else latents.samples
    alike = replace(latents, values=latents.values.to(model.dtype), samples=samples, model_id=model.identity)
    return alike, int(latents.lengths[0]) / latents.frame_rate
