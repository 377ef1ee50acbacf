"""Streams of shards: dealing out, shuffling, positions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wavcube.data.clip import Clip
from wavcube.data.streaming.shards import ShardStream
from wavcube.errors import DataError


@dataclass(frozen=True)
class FakeShard:
    name: str
    size: int
    breaks_at: int | None = None

    def read(self) -> Iterator[Clip]:
        for number in range(self.size):
            if number == self.breaks_at:
                raise OSError("connection reset")
            yield Clip(f"{self.name}{number}", Path(), audio=b"")


def shards(count: int = 6, size: int = 10) -> list[FakeShard]:
    return [FakeShard("abcdefghijkl"[number], size) for number in range(count)]


def stream(given: list[FakeShard], slot: int = 0, slots: int = 1, *, endless: bool = True) -> ShardStream:
    return ShardStream(given, seed=5, slot=slot, slots=slots, endless=endless, window=4)


def names(given: ShardStream, count: int) -> list[str]:
    return [next(given)[0].name for _ in range(count)]


def test_slots_read_different_shards_and_together_all():
    for epoch_begin in (0, 20):
        parts = [set(names(stream(shards(), slot, 3), 40)[epoch_begin : epoch_begin + 20]) for slot in range(3)]
        assert [len(part) for part in parts] == [20, 20, 20]
        assert len(set.union(*parts)) == 60


def test_epochs_deal_the_shards_anew_and_shuffle():
    drawn = names(stream(shards()), 120)
    assert sorted(drawn[:60]) == sorted(drawn[60:])
    assert drawn[:60] != drawn[60:]
    assert drawn[:10] != sorted(drawn[:10])
    assert len({name[0] for name in drawn[:10]}) == 1
    assert drawn == names(stream(shards()), 120)


def test_places_are_unique():
    given = stream(shards())
    places = [next(given)[1] for _ in range(120)]
    assert len(set(places)) == 120
    assert {place.epoch for place in places} == {0, 1}


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 37, 60, 61])
def test_a_position_can_be_returned_to(count):
    whole = names(stream(shards()), count + 50)
    first = stream(shards())
    names(first, count)
    second = stream(shards())
    second.load_state_dict(first.state_dict())
    assert names(second, 50) == whole[count:]


def test_validation_reads_once_in_order():
    given = stream(shards(3, 2), endless=False)
    assert [clip.name for clip, _ in given] == ["a0", "a1", "b0", "b1", "c0", "c1"]
    assert [clip.name for clip, _ in stream(shards(3, 2), 1, 2, endless=False)] == ["b0", "b1"]


def test_a_shard_that_breaks_is_left_for_the_next():
    given = stream([FakeShard("a", 4, breaks_at=2), FakeShard("b", 2)], endless=False)
    assert names(given, 2) == ["a0", "a1"]
    with pytest.raises(DataError, match=r"a: cannot be read to its end \(connection reset\)"):
        next(given)
    assert names(given, 2) == ["b0", "b1"]
    with pytest.raises(StopIteration):
        next(given)


def test_shards_without_clips_do_not_hang():
    given = stream(shards(3, 0))
    with pytest.raises(DataError, match="hold no clips"):
        next(given)
