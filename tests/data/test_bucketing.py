"""Batches by length."""

from hypothesis import given
from hypothesis import strategies as st

from wavcube.data.bucketing import batches_by_length, batches_in_order


def test_the_shortest_come_first_and_equals_keep_their_order() -> None:
    items = [("a", 3), ("b", 1), ("c", 3), ("d", 10), ("e", 1)]
    found = batches_by_length(items, lambda item: item[1], 6)
    assert ["".join(name for name, _ in batch) for batch in found] == ["be", "ac", "d"]
    assert [len(batch) for batch in batches_by_length(items, lambda item: item[1], max_items=2)] == [2, 2, 1]
    assert batches_by_length([], len) == []


def test_padding_can_be_limited() -> None:
    lengths = [10.0, 9.0, 5.0, 1.0]
    assert batches_in_order(lengths, float, 100.0, max_padding=0.1) == [[10.0, 9.0], [5.0], [1.0]]
    assert batches_in_order(lengths, float, 100.0, max_padding=0.4) == [[10.0, 9.0, 5.0, 1.0]]


@given(st.lists(st.integers(0, 50)), st.integers(1, 100), st.integers(1, 5), st.booleans())
def test_every_item_is_in_one_batch_within_the_limits(lengths: list[int], limit: int, most: int, ordered: bool) -> None:
    pack = batches_by_length if ordered else batches_in_order
    found = pack(range(len(lengths)), lengths.__getitem__, limit, max_items=most)
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= limit
