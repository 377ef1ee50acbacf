"""`wavcube decode`: files of latents -> recordings, or shards of them -> shards of recordings."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli import options
from wavcube.cli.codec import shard_options as sharding
from wavcube.cli.codec.decode_corpus import DecodeJob
from wavcube.cli.codec.make_shards import ModelOptions, make_all
from wavcube.cli.many_files.recordings import AudioFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.codec import WavCube
    from wavcube.data.bucketing import BatchLimits
    from wavcube.latents import Latents


def decode(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Latents, folders (searched recursively) or quoted globs; or one folder of shards, which become "
            "shards of recordings."
        ),
    ],
    output: options.OutputFolder,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
    dtype: options.PrecisionOption = None,
    fast: options.Fast = False,
    exact: options.Exact = False,
    backend: options.BackendOption = None,
    format: Annotated[
        AudioFormat | None,
        typer.Option(help="File format of the results. [default: wav, in shards flac]", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Decode latents of another model of the same width.")] = False,
    batch_seconds: options.BatchSeconds = None,
    padding: options.Padding = 0.25,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    shard_of: sharding.ShardOf = None,
    max_bad: sharding.MaxBad = 0.05,
    ray: sharding.Ray = None,
    actors: sharding.Count = None,
    actor_gpus: sharding.Gpus = None,
    actor_cpus: sharding.Cpus = None,
) -> None:
    """Decode latents to recordings of the length that was encoded: one file each, or a corpus in shards."""
    from wavcube.errors import DataError

    given = ModelOptions(model, device, dtype, fast, backend, exact)
    corpora = [path for path in map(Path, inputs) if _is_corpus(path)]
    if corpora:
        if len(inputs) > 1:
            raise DataError(f"{corpora[0]}: is a folder of shards; decode it by itself")
        job = DecodeJob(
            output.absolute() if ray else output,
            given,
            shard_of,
            overwrite,
            folder=corpora[0].absolute() if ray else corpora[0],
            format=format or AudioFormat.flac,
            force=force,
            max_bad=0.0 if strict else max_bad,
            batch_seconds=batch_seconds,
            padding=padding,
        )
        make_all(job, sharding.RayOptions(ray, actors, actor_gpus, actor_cpus) if ray else None)
        return
    for option, value in (("--shard-of", shard_of), ("--ray", ray)):
        if value:
            raise DataError(f"{option} is for shards, as `wavcube encode` makes them of lists")
    limits = partial(options.batch_limits, batch_seconds, padding)
    _decode_files(inputs, output, given, format or AudioFormat.wav, limits, force, overwrite, strict)


def _is_corpus(path: Path) -> bool:
    """Whether a path is a folder of shards, also one that is not complete."""
    from wavcube.data.stored_latents.clips import is_latent_corpus

    return is_latent_corpus(path) or (path / "plan.json").is_file()


def _decode_files(
    inputs: list[str],
    output: Path,
    model: ModelOptions,
    format: AudioFormat,
    limits: "Callable[[WavCube], BatchLimits]",
    force: bool,
    overwrite: bool,
    strict: bool,
) -> None:
    from wavcube.cli.many_files.batches import Task, run
    from wavcube.cli.many_files.plan import make_plan, settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import write_recording
    from wavcube.corpora.decode_shard import decode_each
    from wavcube.errors import LatentsError
    from wavcube.files import find_files
    from wavcube.latent_files import LATENT_SUFFIXES

    found = find_files(inputs, LATENT_SUFFIXES, "latents", LatentsError)
    plan = make_plan(found, output, f".{format}", LATENT_SUFFIXES)
    loaded = model.load()
    maker = Maker("decode", loaded, forced=force)
    settle_existing(plan, maker, overwrite)
    task = Task(
        "decoded",
        lambda job: _read(job, loaded, maker),
        partial(decode_each, loaded),
        lambda job, waveform: write_recording(job, waveform, loaded, maker),
    )
    run(plan, task, limits(loaded), strict=strict, workers=loaded.workers)


def _read(job: "Job", model: "WavCube", maker: "Maker") -> "tuple[Latents, float]":
    """Latents of one recording that fit the model, and their length in seconds.

    What may differ between files that can share a batch is made alike: type, knowledge of samples, model.
    """
    from wavcube.corpora.decode_shard import alike, require_fit
    from wavcube.errors import LatentsError
    from wavcube.latents import Latents

    maker.note(job)
    latents = Latents.load(job.source, frame_rate=model.frame_rate, sample_rate=model.sample_rate)
    if len(latents) != 1:
        raise LatentsError(f"{job.source}: holds {len(latents)} items; decode them in Python, or save them one a file")
    identity = None if maker.forced else latents.model_id
    require_fit(job.source, latents.values.shape[2], latents.frame_rate, identity, model)
    if int(latents.lengths[0]) == 0:
        raise LatentsError(f"{job.source}: holds no frames")
    return alike(latents, model), int(latents.lengths[0]) / latents.frame_rate
