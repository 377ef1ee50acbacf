"""Batches with long items among short ones: the long ones alone and in chunks, the rest together."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def long_apart(
    batch: Tensor,
    lengths: Tensor,
    is_long: Callable[[int], bool],
    together: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    in_chunks: Callable[[Tensor], Tensor],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """A padded batch of results in the items' order, and their lengths.

    Args:
        batch: [B, N, ...] with `lengths` [B].
        is_long: whether an item of such a length is computed in chunks.
        together: the results of a padded batch of the others, and their lengths.
        in_chunks: the result [1, M, ...] of one item [N, ...].
        device: of the results.
    """
    counts = lengths.tolist()
    long = [i for i, count in enumerate(counts) if is_long(count)]
    if not long:
        return together(batch, lengths)
    items = {i: in_chunks(batch[i, : counts[i]])[0].to(device) for i in long}
    if short := [i for i in range(len(counts)) if i not in items]:
        most = max(counts[i] for i in short)
        values, made = together(batch[:, :most][short], lengths[short])
        items.update((i, item[:count]) for i, item, count in zip(short, values, made.tolist(), strict=True))
    ordered = [items[i] for i in range(len(counts))]
    return pad_sequence(ordered, batch_first=True), torch.tensor([len(item) for item in ordered], device=device)
