"""The part of a corpus that one of several processes does: every WORLD-th shard, without any of them talking."""

import os
from collections.abc import Mapping
from typing import NamedTuple, Self

from wavcube.errors import ConfigError

_VARIABLES = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))
"""torchrun's, and srun's. SLURM_NTASKS is also set in a batch script itself, which runs once."""


class Share(NamedTuple):
    """Shards `rank`, `rank + world`, `rank + 2 world`, ..."""

    rank: int = 0
    world: int = 1
    source: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `RANK/WORLD`.

        Raises:
            ConfigError: it is something else.
        """
        rank, slash, world = text.partition("/")
        if not (slash and rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
            raise ConfigError(f"--shard-of {text!r} should be RANK/WORLD with ranks from 0, such as 0/8 to 7/8")
        return cls(int(rank), int(world))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """As torchrun or srun have started this process; all of it where nobody has."""
        for rank, world in _VARIABLES:
            if rank in environment and world in environment:
                share = cls.parse(f"{environment[rank]}/{environment[world]}")
                return cls(share.rank, share.world, f"by {rank} and {world}")
        return cls()

    def has(self, number: int) -> bool:
        """Whether a shard is of this part."""
        return number % self.world == self.rank


def local_rank(environment: Mapping[str, str] = os.environ) -> int:
    """The number of this process on its machine: which of the machine's devices is its own."""
    given = environment.get("LOCAL_RANK") or environment.get("SLURM_LOCALID") or "0"
    return int(given) if given.isdecimal() else 0
