"""Padded batches: what is none is refused by name, and what lies beyond an item's end is gone."""

import pytest
import torch
from torch import Tensor

from wavcube.codec.padded_batch import checked_latents, checked_waveforms, counts_of, one_by_one, trimmed
from wavcube.errors import AudioError, LatentsError

ROWS = torch.arange(12.0).reshape(2, 6)


def test_a_batch_is_as_long_as_its_longest_item_with_zeros_beyond_the_others() -> None:
    values, lengths = checked_waveforms(ROWS, torch.tensor([2, 5]), 2)
    assert values.tolist() == [[0, 1, 0, 0, 0], [6, 7, 8, 9, 10]]
    assert lengths is not None
    assert lengths.tolist() == [2, 5]


def test_without_lengths_nothing_is_touched() -> None:
    values, lengths = checked_waveforms(ROWS, None, 6)
    assert values is ROWS
    assert lengths is None
    assert counts_of(values, None).tolist() == [6, 6]
    assert trimmed(ROWS, torch.tensor([1, 2]), None)[0] is ROWS


def test_results_are_trimmed_to_their_own_counts() -> None:
    values, counts = trimmed(ROWS[..., None], torch.tensor([1, 3]), torch.tensor([320, 960]))
    assert values[..., 0].tolist() == [[0, 0, 0], [6, 7, 8]]
    assert counts.tolist() == [1, 3]


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(AudioError, match=r"of at least 7 samples; this is \[2, 6\]"):
        checked_waveforms(ROWS, None, 7)
    with pytest.raises(AudioError, match="lengths are 1 to 6 of 6"):
        checked_waveforms(ROWS, torch.tensor([1, 6]), 2)
    with pytest.raises(LatentsError, match=r"\[batch, frames, 3\]; these are 6 wide"):
        checked_latents(ROWS[None], None, 3)


@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 4])])
def test_one_by_one_is_a_call_for_each_item(lengths: Tensor | None) -> None:
    seen: list[tuple[int, ...]] = []

    def path(batch: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        seen.append(tuple(batch.shape))
        counts = counts_of(batch, lengths)
        return batch[:, : int(counts.max())], counts

    values, counts = one_by_one(path, ROWS, lengths)
    assert seen == [(1, 6), (1, 6)]
    assert counts.tolist() == ([6, 6] if lengths is None else [2, 4])
    assert values.tolist() == (ROWS.tolist() if lengths is None else [[0, 1, 0, 0], [6, 7, 8, 9]])
