"""What every kind of shard has: a piece of work, and how it went."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from wavcube.data.stored_latents.record import ShardRecord

State = Literal["made", "renewed", "there"]


class Shard(Protocol):
    """A piece of work, small enough to be sent to another machine.

    Attributes:
        number: its place among all shards.
        name: what it is, for people.
        cuts: Lhotse's cuts that the result is to go with; None where they are made.
        recordings: how many it has; 0 where that is not known before it is read.
    """

    @property
    def number(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def cuts(self) -> Path | None: ...

    @property
    def recordings(self) -> int: ...

    def digest(self) -> str:
        """Of what the shard consists of."""
        ...


@dataclass(frozen=True)
class Result:
    """A shard that is complete: made now, made anew as its input had changed, or there before."""

    record: ShardRecord
    state: State
