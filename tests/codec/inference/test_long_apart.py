"""Long items of a batch go alone and in chunks, the others together, and all come back in their order."""

import pytest
import torch
from torch import Tensor

from wavcube.codec.inference.long_apart import long_apart

BATCH = torch.arange(1.0, 25.0).reshape(3, 8)


@pytest.mark.parametrize(
    ("lengths", "batches", "alone"),
    [
        ([3, 2, 1], [(3, 8)], []),
        ([8, 2, 3], [(2, 3)], [8]),
        ([2, 8, 7], [(1, 2)], [8, 7]),
        ([6, 8, 7], [], [6, 8, 7]),
    ],
)
def test_items_come_back_in_their_order(lengths: list[int], batches: list[tuple[int, int]], alone: list[int]) -> None:
    seen: list[tuple[int, ...]] = []
    chunked: list[int] = []

    def together(batch: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(tuple(batch.shape))
        real = torch.arange(batch.shape[1]) < lengths[:, None]
        return torch.where(real, 10 * batch, torch.zeros(()))[:, : int(lengths.max())], lengths

    def in_chunks(item: Tensor) -> Tensor:
        chunked.append(len(item))
        return 10 * item[None]

    values, counts = long_apart(
        BATCH, torch.tensor(lengths), lambda count: count > 5, together, in_chunks, torch.device("cpu")
    )
    assert seen == batches
    assert chunked == alone
    assert counts.tolist() == lengths
    assert values.shape == (3, max(lengths))
    for row, item, length in zip(values, BATCH, lengths, strict=True):
        assert torch.equal(row[:length], 10 * item[:length])
        assert not row[length:].any()
