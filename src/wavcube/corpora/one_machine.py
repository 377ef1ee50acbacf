"""One process on one machine: two shards at a time, of which one is computed while the other is read."""

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from wavcube.corpora.make_shard import ShardMaker
from wavcube.corpora.shard import Result, Shard
from wavcube.corpora.shard_writer import OutputError
from wavcube.errors import WavCubeError
from wavcube.framing import SAMPLE_RATE
from wavcube.progress import Progress

AT_ONCE = 2

FAILED_IN_A_ROW = 10
"""After so many shards that fail one after another the run ends: it is no longer about single shards."""


@dataclass
class Tally:
    """What became of the shards of one run, and its progress on stderr.

    Attributes:
        made, there, renewed: shards that are complete, by what was done.
        failed: why others are not.
        recordings, errors: of the shards that were made.
        seconds: of speech in them.
    """

    total: int | None = None
    made: int = 0
    there: int = 0
    renewed: int = 0
    failed: list[str] = field(default_factory=list)
    recordings: int = 0
    errors: int = 0
    seconds: float = 0.0
    _in_a_row: int = 0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._bar = self._progress.add_task("shards", total=self.total, rate="")
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._progress.stop()

    def done(self, result: Result) -> None:
        if result.state == "there":
            self.there += 1
        else:
            self.made += 1
            self.renewed += result.state == "renewed"
            self.recordings += result.record.recordings
            self.errors += len(result.record.errors)
            self.seconds += result.record.samples / SAMPLE_RATE
            for _, why in result.record.errors:
                self.say(f"skipped: {why}")
        self._in_a_row = 0
        self._progress.update(self._bar, advance=1, rate=f"{self.rate:.3g} x real time")

    def fail(self, shard: Shard, error: WavCubeError) -> None:
        """Raises: WavCubeError: too many shards in a row have failed."""
        text = str(error) if shard.name in str(error) else f"{shard.name}: {error}"
        self.failed.append(text)
        self.say(f"failed: {text}")
        self._in_a_row += 1
        if self._in_a_row >= FAILED_IN_A_ROW:
            raise WavCubeError(f"{self._in_a_row} shards in a row have failed, the last one: {text}")

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @property
    def rate(self) -> float:
        """Seconds of speech a second."""
        return self.seconds / max(time.monotonic() - self._began, 1e-9)

    def summary(self) -> str:
        parts = [f"{self.made} shards made, {self.recordings} recordings, {self.seconds / 3600:.3g} h of speech at "
                 f"{self.rate:.3g} x real time"]  # fmt: skip
        if self.renewed:
            parts.append(f"{self.renewed} of them anew, as their input had changed")
        if self.there:
            parts.append(f"{self.there} were complete already")
        if self.errors:
            parts.append(f"{self.errors} recordings could not be used")
        if self.failed:
            parts.append(f"{len(self.failed)} shards failed")
        return "; ".join(parts)


def make_shards(shards: Iterable[Shard], maker: ShardMaker[Any, Any, Any], tally: Tally) -> None:
    """Make shards; one that fails is counted, and the others are made all the same.

    Raises:
        OutputError: the folder of results cannot be written to.
        WavCubeError: many shards in a row have failed; or the list of shards cannot be read.
    """
    under_way: deque[tuple[Shard, Future[Result]]] = deque()
    with ThreadPoolExecutor(AT_ONCE, "shard") as threads:
        try:
            for shard in shards:
                under_way.append((shard, threads.submit(maker, shard)))
                if len(under_way) >= AT_ONCE:
                    _settle(*under_way.popleft(), tally)
            while under_way:
                _settle(*under_way.popleft(), tally)
        except BaseException:
            maker.stop.set()
            raise


def _settle(shard: Shard, future: Future[Result], tally: Tally) -> None:
    try:
        tally.done(future.result())
    except OutputError:
        raise
    except WavCubeError as error:
        tally.fail(shard, error)
