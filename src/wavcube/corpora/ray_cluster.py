"""A Ray cluster whose machines come and go: actors that hold the model, and a queue of shards.

Ray decides where an actor runs, and nothing else: which shards there are, what is in them and which are complete is
decided as on one machine. A shard whose actor or machine dies goes back into the queue.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wavcube.corpora.job import Settings
from wavcube.corpora.make_shard import ShardMaker
from wavcube.corpora.one_machine import Tally
from wavcube.corpora.shard import Result, Shard
from wavcube.corpora.shard_writer import OutputError
from wavcube.data.stored_latents.record import complete
from wavcube.errors import MissingDependencyError, WavCubeError
from wavcube.framing import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 3
"""How often a shard is begun: one that its actor dies with so often fails."""

_AT_ONCE = 2  # shards an actor has: one is computed while the other is read
_PATIENCE = 30.0  # seconds until an actor that has answered nothing is asked whether it lives


@dataclass(frozen=True)
class Actors:
    """How many actors there are, and what each takes of a machine.

    Attributes:
        count: of actors. Those for which the cluster has no room yet wait, which makes it grow if it can.
        gpus, cpus: of each, also fractions.
    """

    count: int
    gpus: float
    cpus: float


def connect(address: str) -> Any:
    """Connect to a cluster, or start one on this machine for "local"; returns the module `ray`.

    Raises:
        MissingDependencyError: Ray is not installed.
        WavCubeError: there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError('--ray needs Ray; install it with pip install "wavcube[ray]"') from error
    if not ray.is_initialized():
        try:
            ray.init(None if address == "local" else address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WavCubeError(f"--ray {address}: no cluster can be reached ({str(error).splitlines()[0]})") from error
    return ray


def default_actors(ray: Any, gpus: float | None, cpus: float | None, count: int | None) -> Actors:
    """As many actors as the cluster has room for now: one a GPU, without GPUs one for every two cores."""
    there = ray.cluster_resources()
    with_gpu = there.get("GPU", 0) >= 1 if gpus is None else gpus > 0
    gpus = (1.0 if with_gpu else 0.0) if gpus is None else gpus
    cpus = (1.0 if with_gpu else 2.0) if cpus is None else cpus
    room = [there.get(kind, 0) / each for kind, each in (("GPU", gpus), ("CPU", cpus)) if each]
    return Actors(count or max(1, int(min(room, default=1))), gpus, cpus)


class Cluster:
    """Actors that hold the model; a block that ends gives their places back.

    Args:
        ray: see `connect`.
        build: gives, in each actor, what makes shards; it loads the model there.
        actors: see `Actors`.
    """

    def __init__(self, ray: Any, build: "Callable[[], ShardMaker[Any, Any, Any]]", actors: Actors) -> None:
        self._ray = ray
        kind = ray.remote(
            num_gpus=actors.gpus,
            num_cpus=actors.cpus,
            max_restarts=-1,  # on another machine, where that is needed
            max_task_retries=0,  # whether a shard is tried again is decided here
            max_concurrency=_AT_ONCE,
        )(_ShardActor)
        self._pool = [kind.remote(build) for _ in range(actors.count)]
        self._starting = {actor.ready.remote(): actor for actor in self._pool}
        self._settings: Settings[Any] | None = None
        self._ready: deque[Any] = deque()
        self._under_way: dict[Any, tuple[Any, Shard, int]] = {}
        self._again: deque[tuple[Shard, int]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._pool:
            self._ray.kill(actor)

    def settings(self) -> Settings[Any]:
        """Those of the actor that is ready first; all others must have the same.

        Raises:
            WavCubeError: the model cannot be loaded there.
        """
        while self._settings is None:
            for reference in self._ray.wait([*self._starting], num_returns=1, timeout=_PATIENCE)[0]:
                self._started(reference)
        return self._settings

    def make_shards(self, shards: Iterable[Shard], folder: Path, tally: Tally) -> None:
        """Make shards; one that fails is counted, and the others are made all the same.

        Args:
            shards: of the corpus; one that is complete costs a call.
            folder: of the results, on storage that all machines share.
            tally: of the run.

        Raises:
            OutputError: the folder of results cannot be written to, or is not shared.
            WavCubeError: an actor has another model; or many shards in a row have failed.
        """
        waiting = iter(shards)
        more = True
        while True:
            while self._ready and (self._again or more):
                shard, tries = self._again.popleft() if self._again else (next(waiting, None), 0)
                if shard is None:
                    more = False
                    break
                actor = self._ready.popleft()
                self._under_way[actor.make.remote(shard)] = (actor, shard, tries + 1)
            if not (more or self._again or self._under_way):
                return
            events = [*self._starting, *self._under_way]
            for reference in self._ray.wait(events, num_returns=1, timeout=_PATIENCE)[0]:
                if reference in self._starting:
                    self._started(reference)
                else:
                    self._ended(reference, folder, tally)

    def _started(self, reference: Any) -> None:
        actor = self._starting.pop(reference)
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            self._starting[actor.ready.remote()] = actor  # Ray starts it anew
            return
        if isinstance(found, WavCubeError):
            raise found
        if self._settings not in (None, found):
            raise WavCubeError("--ray: --model is another model on one machine of the cluster than on the first")
        self._settings = found
        self._ready.extend([actor] * _AT_ONCE)

    def _ended(self, reference: Any, folder: Path, tally: Tally) -> None:
        actor, shard, tries = self._under_way.pop(reference)
        errors = self._ray.exceptions
        try:
            result = self._ray.get(reference)
        except (errors.RayActorError, errors.ObjectLostError, errors.OwnerDiedError) as error:
            self._actor_died(actor)
            if tries < TRIES:
                tally.say(f"{shard.name}: its actor or machine died; it is begun again")
                self._again.append((shard, tries))
            else:
                why = str(error).splitlines()[0]
                tally.fail(shard, WavCubeError(f"{shard.name}: {TRIES} actors died with it ({why})"))
            return
        except errors.RayTaskError as error:
            result = WavCubeError(f"{shard.name}: {str(error).splitlines()[-1]}")
        self._ready.append(actor)
        if isinstance(result, OutputError):
            raise result
        if isinstance(result, WavCubeError):
            tally.fail(shard, result)
        elif complete(folder, shard.number) is None:
            raise OutputError(
                f"{folder}: a shard that another machine has written is not there; --out must be on storage that "
                "all machines of the cluster share"
            )
        else:
            tally.done(result)

    def _actor_died(self, actor: Any) -> None:
        """Give it nothing before it is there again."""
        self._ready = deque(one for one in self._ready if one is not actor)
        if actor not in self._starting.values():
            self._starting[actor.ready.remote()] = actor


class _ShardActor:
    """Holds a model on one machine of the cluster, and makes shards with it."""

    def __init__(self, build: "Callable[[], ShardMaker[Any, Any, Any]]") -> None:
        from ray.util.metrics import Counter

        self._maker: ShardMaker[Any, Any, Any] | WavCubeError
        try:
            self._maker = build()
        except WavCubeError as error:
            self._maker = error
        self._speech = Counter("wavcube_speech_seconds", "Seconds of speech that are done.")

    def ready(self) -> Settings[Any] | WavCubeError:
        """What it makes, or why it can make nothing."""
        return self._maker if isinstance(self._maker, WavCubeError) else self._maker.settings

    def make(self, shard: Shard) -> Result | WavCubeError:
        """A shard that is complete, or why it is not: errors as values, which Ray leaves as they are."""
        if isinstance(self._maker, WavCubeError):
            return self._maker
        try:
            result = self._maker(shard)
        except WavCubeError as error:
            return error
        if result.state != "there" and result.record.samples:
            self._speech.inc(result.record.samples / SAMPLE_RATE)
        return result
