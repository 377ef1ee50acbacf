"""`wavcube encode --to shar`: a corpus of any size -> shards of latents."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from wavcube.cli import options
from wavcube.errors import WavCubeError

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.corpora.encode_shard import ShardEncoder
    from wavcube.corpora.input_shards import InputShard
    from wavcube.corpora.job import Settings
    from wavcube.corpora.one_machine import Tally
    from wavcube.corpora.ranks import Share
    from wavcube.data.stored_latents.index import LatentIndex
    from wavcube.data.stored_latents.values import StoredType


@dataclass(frozen=True)
class ModelOptions:
    """The options of a command that name a model and how it computes."""

    name: str | None
    device: options.Device
    dtype: options.Precision | None
    fast: bool
    backend: options.Backend | None
    exact: bool

    def load(self) -> "WavCube":
        """The model; on a machine with several GPUs and processes, on the GPU of this process."""
        import torch

        from wavcube.corpora.ranks import local_rank

        if _devices(self.device):
            torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        return options.load_model(self.name, self.device, self.dtype, self.fast, self.backend, self.exact)


@dataclass(frozen=True)
class CorpusOptions:
    """The options of `wavcube encode` that concern shards; see its help."""

    stored: "StoredType"
    shard_size: int
    filters: tuple[str, ...]
    share: str | None
    readers: int | None
    max_bad: float
    batch_seconds: float | None
    padding: float
    overwrite: bool


@dataclass(frozen=True)
class RayOptions:
    """The options of `wavcube encode` that concern a Ray cluster."""

    address: str
    actors: int | None
    gpus: float | None
    cpus: float | None


def encode_corpus(
    inputs: list[str], output: Path, model: ModelOptions, corpus: CorpusOptions, cluster: RayOptions | None = None
) -> None:
    """Make the shards of this process, or of all of a cluster, and latents.json if they are the last.

    Raises:
        WavCubeError: an input or the output cannot be used.
        typer.Exit: with code 1 where a shard failed.
    """
    if cluster is not None:
        _on_cluster(inputs, output, model, corpus, cluster)
        return
    share = _share(corpus.share)
    if share.world == 1 and _devices(model.device) > 1:
        _one_process_a_device(_devices(model.device))
        return
    from wavcube.corpora.job import claim
    from wavcube.corpora.one_machine import Tally, encode_shards

    numbers: set[int] = set()
    with ExitStack() as stack:
        stack.enter_context(_going_on())
        encoder = build_encoder(output, model, corpus)
        stack.enter_context(encoder.decoders)
        claim(output, encoder.settings, corpus.overwrite)
        tally = stack.enter_context(Tally())
        shards = _shards(inputs, corpus, numbers)
        encode_shards((shard for shard in shards if share.has(shard.number)), encoder, tally)
    _finish(output, encoder.settings, numbers, tally, corpus.overwrite)


def _on_cluster(inputs: list[str], output: Path, model: ModelOptions, corpus: CorpusOptions, given: RayOptions) -> None:
    from wavcube.corpora.job import claim
    from wavcube.corpora.one_machine import Tally
    from wavcube.corpora.ray_cluster import Cluster, connect, default_actors

    if corpus.share:
        raise WavCubeError("--shard-of is for processes that do not know of each other; a Ray cluster has one queue")
    output = output.absolute()
    ray = connect(given.address)
    actors = default_actors(ray, given.gpus, given.cpus, given.actors)
    print(f"--ray: {actors.count} actors of {actors.gpus:g} GPUs and {actors.cpus:g} CPUs", file=sys.stderr)
    numbers: set[int] = set()
    with ExitStack() as stack:
        stack.enter_context(_going_on())
        cluster = stack.enter_context(Cluster(ray, partial(build_encoder, output, model, corpus), actors))
        settings = cluster.settings()
        claim(output, settings, corpus.overwrite)
        tally = stack.enter_context(Tally())
        cluster.encode_shards(_shards(inputs, corpus, numbers), output, tally)
    _finish(output, settings, numbers, tally, corpus.overwrite)


def build_encoder(output: Path, model: ModelOptions, corpus: CorpusOptions) -> "ShardEncoder":
    """What makes shards, with its model and the processes that decode for it; also in the actors of a cluster."""
    from wavcube.corpora.decoding import Decoders
    from wavcube.corpora.encode_shard import ShardEncoder
    from wavcube.corpora.job import Settings
    from wavcube.data.manifest import parse_filters

    loaded = model.load()
    settings = Settings.of(loaded, corpus.stored, corpus.shard_size, parse_filters(corpus.filters))
    limits = options.batch_limits(corpus.batch_seconds, corpus.padding, loaded)
    decoders = Decoders(_readers(corpus.readers, loaded.device.type))
    return ShardEncoder(loaded, settings, output, limits, decoders, corpus.max_bad)


def _shards(inputs: list[str], corpus: CorpusOptions, numbers: set[int]) -> "Iterator[InputShard]":
    """All shards of the inputs; their numbers are noted as they come by."""
    from wavcube.corpora.input_shards import input_shards
    from wavcube.data.manifest import parse_filters

    for shard in input_shards(inputs, parse_filters(corpus.filters), corpus.shard_size):
        numbers.add(shard.number)
        yield shard


def _finish(output: Path, settings: "Settings", numbers: set[int], tally: "Tally", overwrite: bool) -> None:
    """Write latents.json if all shards are complete, and say how the run ended.

    Raises:
        typer.Exit: with code 1 where a shard failed.
    """
    from wavcube.corpora.job import write_index

    index = write_index(output, settings, numbers, overwrite)
    print(tally.summary())
    print(_stored(output, index) if index else _waiting(output, settings, numbers))
    if tally.failed:
        raise typer.Exit(1)


def _stored(output: Path, index: "LatentIndex") -> str:
    size = sum(path.stat().st_size for path in (output / "shards").glob("latent.*.tar"))
    bad = f", {index.errors} that could not be used" if index.errors else ""
    return (
        f"{output}: {len(index.shards)} shards, {index.recordings} recordings{bad}, {index.hours:.3g} h, "
        f"{size / 1e9:.3g} GB as {index.stored} (relative error {index.storage_error:.1e})"
    )


def _waiting(output: Path, settings: "Settings", numbers: set[int]) -> str:
    from wavcube.data.stored_latents.record import complete

    digest = settings.digest()
    done = sum((record := complete(output, number)) is not None and record.settings == digest for number in numbers)
    return f"{output}: {done} of {len(numbers)} shards are complete; whoever completes the last writes latents.json"


@contextmanager
def _going_on() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted: shards that are complete are kept; the same command goes on from here", file=sys.stderr)
        raise


def _share(given: str | None) -> "Share":
    from wavcube.corpora.ranks import Share

    if given:
        return Share.parse(given)
    share = Share.of_environment()
    if share.world > 1:
        print(f"--shard-of {share.rank}/{share.world}, {share.source}", file=sys.stderr)
    return share


def _devices(device: options.Device) -> int:
    """GPUs that this command may use."""
    import torch

    return torch.cuda.device_count() if device in (options.Device.auto, options.Device.cuda) else 0


def _readers(given: int | None, device: str) -> int:
    """Processes that decode: a CPU that computes has one to spare, beside a GPU are the cores of its share."""
    if given is not None:
        return given
    if device == "cpu":
        return 1
    beside = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // beside - 1)


def _one_process_a_device(devices: int) -> None:
    """Run this very command once for each GPU, each with its part of the shards.

    Raises:
        WavCubeError, typer.Exit: a process has failed, or died.
    """
    print(f"{devices} processes, one a GPU", file=sys.stderr)
    command = [sys.executable, "-m", "wavcube", *sys.argv[1:]]
    ranks = [{"RANK": str(n), "LOCAL_RANK": str(n)} for n in range(devices)]
    shared = {"WORLD_SIZE": str(devices), "LOCAL_WORLD_SIZE": str(devices)}
    processes = [subprocess.Popen(command, env={**os.environ, **shared, **rank}) for rank in ranks]
    try:
        codes = [process.wait() for process in processes]
    except KeyboardInterrupt:  # the terminal sends it to all of them
        for process in processes:
            process.wait()
        raise
    for number, code in enumerate(codes):
        if code < 0:
            raise WavCubeError(f"process {number} was ended by signal {-code}; the same command goes on from here")
    if any(codes):
        raise typer.Exit(1)
