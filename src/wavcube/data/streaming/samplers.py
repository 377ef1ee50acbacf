"""The order of recordings: a pure function of the seed, so that a position is one number."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

Key = tuple[int, int]
"""Epoch of a pool, and index of a clip among all pools: what a crop's randomness is derived from."""

_BLOCK = 4096  # places of the endless order that are worked out together


class InfiniteDistributedBatchSampler:
    """A batch sampler for one rank of an endless order that all ranks share.

    A pool goes through its clips in a new permutation every epoch. With several pools, each place of the order falls to
    one of them by chance, in proportion to the weights, and takes that pool's next clip. Rank `r` of `n` takes the
    places `start + r`, `start + r + n`, and so on: no two ranks get the same place, none is left out, and the next
    epoch begins in the middle of a batch if need be.

    Attributes:
        start: place of the order to begin at, the number of clips that all ranks together have had.
    """

    def __init__(
        self, sizes: Sequence[int], weights: Sequence[float], batch_size: int, seed: int, rank: int, world_size: int
    ) -> None:
        self.sizes = list(sizes)
        self.shares = np.asarray(weights, np.float64) / np.sum(weights)
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = 0

    def __iter__(self) -> Iterator[list[Key]]:
        batch = []
        for key in self._keys():
            batch.append(key)
            if len(batch) == self.batch_size:
                yield batch
                batch = []

    def _keys(self) -> Iterator[Key]:
        permutations = [_Permutation(size, self.seed, pool) for pool, size in enumerate(self.sizes)]
        offsets = np.cumsum([0, *self.sizes])
        had = np.zeros(len(self.sizes), np.int64)  # clips that each pool has given before the block
        place = self.start + self.rank
        for block in count():
            pools = self._pools(block)
            turns = np.empty(_BLOCK, np.int64)
            for pool in range(len(self.sizes)):
                mine = pools == pool
                given = np.count_nonzero(mine)
                turns[mine] = had[pool] + np.arange(given)
                had[pool] += given
            while place < (block + 1) * _BLOCK:
                pool = int(pools[place % _BLOCK])
                epoch, position = divmod(int(turns[place % _BLOCK]), self.sizes[pool])
                yield epoch, int(offsets[pool]) + permutations[pool].at(epoch, position)
                place += self.world_size

    def _pools(self, block: int) -> np.ndarray:
        """Return the pool of every place of a block."""
        if len(self.sizes) == 1:
            return np.zeros(_BLOCK, np.int64)
        return np.random.default_rng([self.seed, 1, block]).choice(len(self.sizes), _BLOCK, p=self.shares)


class _Permutation:
    """The permutation of the current epoch, 4 bytes a clip."""

    def __init__(self, size: int, seed: int, pool: int) -> None:
        self._size, self._seed, self._pool = size, seed, pool
        self._epoch = -1
        self._order = np.zeros(0, np.int32)

    def at(self, epoch: int, position: int) -> int:
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, 0, self._pool, epoch])
            self._order = random.permutation(np.arange(self._size, dtype=np.uint32))
            self._epoch = epoch
        return int(self._order[position])


class SequentialDistributedBatchSampler:
    """A batch sampler that gives rank `r` of `n` the clips `r`, `r + n`, ... in order, once.

    The last batch may be smaller, and ranks may differ by one clip: none is repeated to make them equal.
    """

    def __init__(self, size: int, batch_size: int, rank: int, world_size: int) -> None:
        self.size = size
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[list[Key]]:
        mine = range(self.rank, self.size, self.world_size)
        for begin in range(0, len(mine), self.batch_size):
            yield [(0, index) for index in mine[begin : begin + self.batch_size]]

    def __len__(self) -> int:
        return -(-len(range(self.rank, self.size, self.world_size)) // self.batch_size)
