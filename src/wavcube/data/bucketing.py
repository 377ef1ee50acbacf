"""Batches of items of like length, so that little of a batch is padding."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class BatchLimits:
    """A batch holds at most so many `seconds` of audio (with padding), a share of `padding` of them padding.

    Recordings above `whole` seconds go through the model in chunks, each recording alone.
    """

    seconds: float
    padding: float
    whole: float = math.inf

    def batches(self, items: Iterable[Item], seconds: Callable[[Item], float]) -> list[list[Item]]:
        """Items of similar length together, the longest first; an item beyond the limits is alone."""
        items = sorted(items, key=seconds, reverse=True)
        count = sum(seconds(item) > self.whole for item in items)
        rest = batches_in_order(items[count:], seconds, self.seconds, max_padding=self.padding)
        return [*([item] for item in items[:count]), *rest]


def batches_by_length(
    items: Iterable[Item],
    length: Callable[[Item], float],
    max_padded: float = math.inf,
    *,
    max_items: int | None = None,
) -> list[list[Item]]:
    """Items of like length together, the shortest first; items of one length keep their order.

    Args:
        items: to be batched, each once.
        length: of an item, in seconds, frames, or whatever `max_padded` counts.
        max_padded: limit for a batch with its padding: its longest item times its number of items. An item beyond it is
            a batch of its own.
        max_items: limit for the number of items of a batch.
    """
    return batches_in_order(sorted(items, key=length), length, max_padded, max_items=max_items)


def batches_in_order(
    items: Iterable[Item],
    length: Callable[[Item], float],
    max_padded: float = math.inf,
    *,
    max_items: int | None = None,
    max_padding: float = 1.0,
) -> list[list[Item]]:
    """As `batches_by_length`, of items that are in the order already in which they are to be batched.

    Args:
        items, length, max_padded, max_items: see `batches_by_length`.
        max_padding: limit for the share of a batch that is padding.
    """
    batches: list[list[Item]] = []
    longest = filled = 0.0
    for item in items:
        size = length(item)
        if batches:
            batch = batches[-1]
            widest = max(longest, size)
            padded = widest * (len(batch) + 1)
            full = len(batch) == max_items or padded > max_padded
            if not full and not (padded and 1 - (filled + size) / padded > max_padding):
                batch.append(item)
                longest, filled = widest, filled + size
                continue
        batches.append([item])
        longest = filled = size
    return batches
