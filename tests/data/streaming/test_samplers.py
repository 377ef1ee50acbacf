"""The endless order."""

from itertools import islice

import pytest

from wavcube.data.streaming.samplers import InfiniteDistributedBatchSampler, SequentialDistributedBatchSampler


def keys(batches: InfiniteDistributedBatchSampler, count: int) -> list[tuple[int, int]]:
    return list(islice((key for batch in batches for key in batch), count))


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_ranks_take_turns_in_one_order(world_size):
    alone = keys(InfiniteDistributedBatchSampler([10], [1.0], 5, 3, 0, 1), 9000)
    parts = [
        keys(InfiniteDistributedBatchSampler([10], [1.0], 5, 3, rank, world_size), 9000 // world_size)
        for rank in range(world_size)
    ]
    together = [key for turn in zip(*parts, strict=True) for key in turn]
    assert together == alone[: len(together)]


@pytest.mark.parametrize(("sizes", "weights"), [([10], [1.0]), ([7, 1, 30], [1.0, 2.0, 3.0])])
def test_any_place_can_be_returned_to(sizes, weights):
    whole = keys(InfiniteDistributedBatchSampler(sizes, weights, 5, 3, 0, 1), 10_000)
    for start in (1, 5, 4095, 4096, 4097, 9000):
        later = InfiniteDistributedBatchSampler(sizes, weights, 5, 3, 0, 1)
        later.start = start
        assert keys(later, 500) == whole[start : start + 500]


def test_epochs_are_permutations_and_the_next_begins_within_a_batch():
    drawn = keys(InfiniteDistributedBatchSampler([7], [1.0], 4, 0, 0, 1), 7000)  # past the end of a block
    for epoch in range(1000):
        part = drawn[7 * epoch : 7 * epoch + 7]
        assert {number for number, _ in part} == {epoch}
        assert sorted(index for _, index in part) == list(range(7))
    assert len({tuple(index for _, index in drawn[7 * e : 7 * e + 7]) for e in range(10)}) == 10


def test_every_pool_goes_through_its_own_epochs():
    drawn = keys(InfiniteDistributedBatchSampler([5, 50], [1.0, 1.0], 4, 0, 0, 1), 10_000)
    for first, size in ((0, 5), (5, 50)):
        mine = [key for key in drawn if first <= key[1] < first + size]
        assert len(mine) == pytest.approx(5000, abs=250)
        assert [epoch for epoch, _ in mine] == [place // size for place in range(len(mine))]
        assert len(set(mine)) == len(mine)


def test_once():
    assert list(SequentialDistributedBatchSampler(5, 2, 0, 1)) == [[(0, 0), (0, 1)], [(0, 2), (0, 3)], [(0, 4)]]
    assert list(SequentialDistributedBatchSampler(5, 2, 1, 2)) == [[(0, 1), (0, 3)]]
    assert [len(SequentialDistributedBatchSampler(5, 2, rank, 2)) for rank in (0, 1)] == [2, 1]
    assert list(SequentialDistributedBatchSampler(1, 2, 1, 2)) == []
