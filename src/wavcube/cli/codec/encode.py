"""`wavcube encode`: recordings -> files of latents, or a corpus -> shards of them."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavcube.cli import options
from wavcube.cli.codec import shard_options as sharding
from wavcube.cli.codec.encode_corpus import EncodeJob
from wavcube.cli.codec.make_shards import ModelOptions, make_all
from wavcube.errors import DataError

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.data.bucketing import BatchLimits


class LatentFormat(StrEnum):
    """The file format of latents; npy keeps the bare array alone."""

    safetensors = "safetensors"
    npy = "npy"
    pt = "pt"


class To(StrEnum):
    """What is written: a file for each recording, or shards (tars that Lhotse and WebDataset read)."""

    files = "files"
    shar = "shar"


class Stored(StrEnum):
    """The type of latents in shards."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"
    int8 = "int8"


def encode(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Recordings, folders (searched recursively) or quoted globs; also lists, Lhotse cuts and Shar, "
            "WebDataset tars, Hugging Face datasets, by path or URL: these become shards."
        ),
    ],
    output: options.OutputFolder,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
    dtype: options.PrecisionOption = None,
    fast: options.Fast = False,
    exact: options.Exact = False,
    backend: options.BackendOption = None,
    format: Annotated[LatentFormat, typer.Option(help="File format; npy loses all but the values.")] = (
        LatentFormat.safetensors
    ),
    batch_seconds: options.BatchSeconds = None,
    padding: options.Padding = 0.25,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    to: Annotated[
        To | None,
        typer.Option(
            help="One file a recording, or shards. [default: files for recordings, else shar]",
            show_default=False,
            rich_help_panel=sharding.PANEL,
        ),
    ] = None,
    stored: Annotated[
        Stored, typer.Option("--store-dtype", help="Type of the latents on disk.", rich_help_panel=sharding.PANEL)
    ] = Stored.float16,
    shard_of: sharding.ShardOf = None,
    shard_size: Annotated[
        int, typer.Option(min=1, help="Recordings in a shard of a list or folder.", rich_help_panel=sharding.PANEL)
    ] = 1000,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", help="COLUMN=VALUE: keep such rows of lists; repeatable.", rich_help_panel=sharding.PANEL
        ),
    ] = None,
    max_bad: sharding.MaxBad = 0.05,
    readers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that decode. [default: 1 on a CPU, beside a GPU one a core]",
            show_default=False,
            rich_help_panel=sharding.PANEL,
        ),
    ] = None,
    ray: sharding.Ray = None,
    actors: sharding.Count = None,
    actor_gpus: sharding.Gpus = None,
    actor_cpus: sharding.Cpus = None,
) -> None:
    """Encode recordings to latents: one file each, or a corpus in shards."""
    given = ModelOptions(model, device, dtype, fast, backend, exact)
    if to is To.shar or (to is None and _is_corpus(inputs)):
        job = EncodeJob(
            output.absolute() if ray else output,
            given,
            shard_of,
            overwrite,
            inputs=tuple(inputs),
            stored=stored.value,
            shard_size=shard_size,
            filters=tuple(filters or ()),
            readers=readers,
            max_bad=0.0 if strict else max_bad,
            batch_seconds=batch_seconds,
            padding=padding,
        )
        make_all(job, sharding.RayOptions(ray, actors, actor_gpus, actor_cpus) if ray else None)
        return
    if _is_corpus(inputs):
        raise DataError("--to files is for recordings and folders; lists and shards of recordings become --to shar")
    for option, value in (("--shard-of", shard_of), ("--filter", filters), ("--ray", ray)):
        if value:
            raise DataError(f"{option} is for shards; add --to shar")
    limits = partial(options.batch_limits, batch_seconds, padding)
    _encode_files(inputs, output, given, format, limits, overwrite, strict)


def _is_corpus(inputs: list[str]) -> bool:
    """Whether one of the inputs is no recording, and no folder or glob of them."""
    from wavcube.audio.io import AUDIO_SUFFIXES

    paths = [Path(given) for given in inputs]
    if all(path.suffix.lower() in AUDIO_SUFFIXES and path.exists() and not path.is_dir() for path in paths):
        return False  # without the readers of lists and shards
    from wavcube.corpora.input_shards import input_kind

    try:
        return any(input_kind(given) != "recordings" for given in inputs)
    except DataError:
        return False  # there is nothing there, which whoever looks for recordings says


def _encode_files(
    inputs: list[str],
    output: Path,
    model: ModelOptions,
    format: LatentFormat,
    limits: Callable[["WavCube"], "BatchLimits"],
    overwrite: bool,
    strict: bool,
) -> None:
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
    loaded = model.load()
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
    run(plan, task, limits(loaded), strict=strict, workers=loaded.workers)
