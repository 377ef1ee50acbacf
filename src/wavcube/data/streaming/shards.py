"""Reading shards one after another, endlessly, with a position that can be saved and returned to."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np

from wavcube.data.clip import Clip
from wavcube.errors import DataError


class Shard(Protocol):
    """One file (or pair of files) that can only be read from its start; its clips hold their audio."""

    @property
    def name(self) -> str: ...

    def read(self) -> Iterator[Clip]: ...


class ShardPosition(NamedTuple):
    """Where in the stream a clip came from: what its randomness is derived from."""

    epoch: int
    shard: int
    number: int


@dataclass
class ShardStream:
    """The shards that one worker of one rank reads.

    In every epoch all shards are put into a new order, the same for all, and dealt out: slot `s` of `slots` reads every
    `slots`-th, so that no two workers have a shard in common. Clips are shuffled within a window of their shard. The
    window is empty again at the shard's end, so the position is three numbers: to return to it, a shard is read from
    its start, and the clips that had been taken are passed over without decoding them.

    Attributes:
        shards: all of them.
        slot, slots: which part to read.
        endless: begin a new epoch after the last shard, and shuffle; otherwise read once, in order.
        window: number of clips to shuffle among.
    """

    shards: list[Shard]
    seed: int
    slot: int
    slots: int
    endless: bool
    window: int

    def __post_init__(self) -> None:
        self._fruitless = 0  # shards in a row that gave nothing
        self._go_to(epoch=0, turn=0, taken=0)

    def _go_to(self, epoch: int, turn: int, taken: int) -> None:
        self._epoch, self._turn, self._taken = epoch, turn, taken
        self._clips: Iterator[Clip] | None = None
        order = np.arange(len(self.shards))
        if self.endless:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        self._mine = order[self.slot :: self.slots]

    def __iter__(self) -> Iterator[tuple[Clip, ShardPosition]]:
        return self

    def __next__(self) -> tuple[Clip, ShardPosition]:
        """Return the next clip.

        Raises:
            StopIteration: all is read, and the stream is not endless.
            DataError: a shard cannot be read, or not to its end; the next call goes on with the next one.
        """
        while True:
            shard = self._current_shard()
            try:
                if self._clips is None:
                    self._clips = islice(self._shuffled(shard), self._taken, None)
                clip = next(self._clips)
            except StopIteration:
                self._leave_shard()
                continue
            except Exception as error:  # tar, gzip, network, JSON: whatever breaks, this shard is over
                self._leave_shard()
                raise DataError(f"{self.shards[shard].name}: cannot be read to its end ({reason_of(error)})") from error
            place = ShardPosition(self._epoch, shard, self._taken)
            self._taken += 1
            self._fruitless = 0
            return clip, place

    def _current_shard(self) -> int:
        if self._turn >= self._mine.size:
            if not self.endless:
                raise StopIteration
            self._go_to(self._epoch + 1, turn=0, taken=0)
        if self._fruitless > 2 * len(self.shards):
            self._fruitless = 0
            raise DataError(f"{self.shards[0].name}: this and the other shards hold no clips")
        return int(self._mine[self._turn])

    def _leave_shard(self) -> None:
        self._turn, self._taken, self._clips = self._turn + 1, 0, None
        self._fruitless += 1

    def _shuffled(self, shard: int) -> Iterator[Clip]:
        clips = self.shards[shard].read()
        if not self.endless:
            yield from clips
            return
        random = np.random.default_rng([self.seed, self._epoch, shard])
        window = list(islice(clips, self.window))
        for clip in clips:
            place = random.integers(len(window))
            yield window[place]
            window[place] = clip
        random.shuffle(window)
        yield from window

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "turn": self._turn, "taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._go_to(**state)


def reason_of(error: Exception) -> str:
    """What went wrong, short: WebDataset appends whole objects to the arguments of an error."""
    return str(error.args[0])[:200] if error.args else type(error).__name__
