"""Making shards from the command line: by this process, one a GPU, one of many, or a Ray cluster."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from wavcube.cli import options
from wavcube.cli.codec.shard_options import RayOptions
from wavcube.errors import WavCubeError

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.corpora.job import Settings
    from wavcube.corpora.make_shard import ShardMaker
    from wavcube.corpora.one_machine import Tally
    from wavcube.corpora.ranks import Share
    from wavcube.corpora.shard import Shard


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
class ShardJob(ABC):
    """What a command makes shards of, and how. It is sent to the machines of a cluster.

    Attributes:
        output: folder of the results.
        model: that makes them.
        share: RANK/WORLD, where it is given.
        overwrite: whether results of other settings or inputs may be replaced.
    """

    output: Path
    model: ModelOptions
    share: str | None
    overwrite: bool

    @abstractmethod
    def build(self) -> "ShardMaker[Any, Any, Any]":
        """What makes a shard, with the model loaded."""

    @abstractmethod
    def shards(self) -> "Iterator[Shard]":
        """All shards, of whatever process."""

    @abstractmethod
    def outcome(self, index: Any) -> str:
        """How results that are complete are stored, for people."""


def make_all(job: ShardJob, cluster: RayOptions | None = None) -> None:
    """Make the shards of this process, or of all of a cluster, and the index if they are the last.

    Raises:
        WavCubeError: an input or the output cannot be used.
        typer.Exit: with code 1 where a shard failed.
    """
    if cluster is not None:
        _on_cluster(job, cluster)
        return
    share = _share(job.share)
    if share.world == 1 and _devices(job.model.device) > 1:
        _one_process_a_device(_devices(job.model.device))
        return
    from wavcube.corpora.job import claim
    from wavcube.corpora.one_machine import Tally, make_shards

    numbers: set[int] = set()
    with ExitStack() as stack:
        stack.enter_context(_going_on())
        maker = stack.enter_context(closing(job.build()))
        claim(job.output, maker.settings, job.overwrite)
        tally = stack.enter_context(Tally())
        make_shards((shard for shard in _noted(job.shards(), numbers) if share.has(shard.number)), maker, tally)
    _finish(job, maker.settings, numbers, tally)


def _on_cluster(job: ShardJob, given: RayOptions) -> None:
    from wavcube.corpora.job import claim
    from wavcube.corpora.one_machine import Tally
    from wavcube.corpora.ray_cluster import Cluster, connect, default_actors

    if job.share:
        raise WavCubeError("--shard-of is for processes that do not know of each other; a Ray cluster has one queue")
    ray = connect(given.address)
    actors = default_actors(ray, given.gpus, given.cpus, given.actors)
    print(f"--ray: {actors.count} actors of {actors.gpus:g} GPUs and {actors.cpus:g} CPUs", file=sys.stderr)
    numbers: set[int] = set()
    with ExitStack() as stack:
        stack.enter_context(_going_on())
        cluster = stack.enter_context(Cluster(ray, job.build, actors))
        settings = cluster.settings()
        claim(job.output, settings, job.overwrite)
        tally = stack.enter_context(Tally())
        cluster.make_shards(_noted(job.shards(), numbers), job.output, tally)
    _finish(job, settings, numbers, tally)


def _noted(shards: "Iterator[Shard]", numbers: set[int]) -> "Iterator[Shard]":
    """The shards, whose numbers are noted as they come by."""
    for shard in shards:
        numbers.add(shard.number)
        yield shard


def _finish(job: ShardJob, settings: "Settings[Any]", numbers: set[int], tally: "Tally") -> None:
    """Write the index if all shards are complete, and say how the run ended.

    Raises:
        typer.Exit: with code 1 where a shard failed.
    """
    from wavcube.corpora.job import write_index

    index = write_index(job.output, settings, numbers, job.overwrite)
    print(tally.summary())
    print(_outcome(job, index) if index else _waiting(job.output, settings, numbers))
    if tally.failed:
        raise typer.Exit(1)


def _outcome(job: ShardJob, index: Any) -> str:
    size = sum(path.stat().st_size for path in (job.output / "shards").glob("*.tar"))
    bad = f", {index.errors} that could not be used" if index.errors else ""
    return (
        f"{job.output}: {len(index.shards)} shards, {index.recordings} recordings{bad}, {index.hours:.3g} h, "
        f"{size / 1e9:.3g} GB {job.outcome(index)}"
    )


def _waiting(output: Path, settings: "Settings[Any]", numbers: set[int]) -> str:
    from wavcube.data.stored_latents.record import complete

    digest, name = settings.digest(), settings.writer.index_name
    done = sum((record := complete(output, number)) is not None and record.settings == digest for number in numbers)
    return f"{output}: {done} of {len(numbers)} shards are complete; whoever completes the last writes {name}"


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
