"""Batches of cached frames: which examples a step sees, and how they are padded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wavcube.data.bucketing import batches_by_length
from wavcube.features.shards import CachedFrames
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Example


@dataclass
class Batch:
    """Frames of several examples.

    Attributes:
        values: [B, T, C], or [B, L, T, C] of all layers; zeros beyond an item's end.
        lengths: [B], valid frames.
        starts: first frame of each crop in its recording.
        examples: what the frames are of.
        frame_rate: in Hz.
    """

    values: Tensor
    lengths: Tensor
    starts: list[int]
    examples: list[Example]
    frame_rate: float

    def to(self, device: torch.device) -> "Batch":
        return Batch(self.values.to(device), self.lengths.to(device), self.starts, self.examples, self.frame_rate)


class Batches:
    """Batches of one split. What a step sees depends on seed and step alone, so that training can go on anywhere.

    Args:
        frames: the cache.
        examples: of the split.
        recipe: batch size, cropping, bucketing, balancing.
        frame_rate: of the frames, in Hz.
        seed: of order and crops.
    """

    def __init__(
        self, frames: CachedFrames, examples: Sequence[Example], recipe: ProbeConfig, frame_rate: float, seed: int
    ) -> None:
        self.frames, self.examples, self.recipe, self.seed = frames, list(examples), recipe, seed
        self.frame_rate = frame_rate
        self.crop = round(recipe.crop_seconds * frame_rate)
        self._epoch = -1
        self._order: list[list[int]] = []
        if recipe.balanced:
            counts = Counter(example.target for example in self.examples)
            weights = np.array([1.0 / counts[example.target] for example in self.examples])
            self._weights = weights / weights.sum()

    def at(self, number: int) -> Batch:
        """The batch of that number, in the endless sequence of batches."""
        rng = np.random.default_rng((self.seed, number))
        if self.recipe.balanced:
            chosen = rng.choice(len(self.examples), self.recipe.batch, p=self._weights).tolist()
        else:
            epoch, index = divmod(number, -(-len(self.examples) // self.recipe.batch))
            if epoch != self._epoch:
                self._order, self._epoch = self._shuffled(epoch), epoch
            chosen = self._order[index]
        return self.collate([self.examples[i] for i in chosen], rng)

    def in_order(self) -> Iterator[Batch]:
        """Every example once, whole, like lengths together: for evaluation."""
        for batch in batches_by_length(self.examples, self._frames, max_items=self.recipe.batch):
            yield self.collate(batch)

    def collate(self, examples: Sequence[Example], rng: np.random.Generator | None = None) -> Batch:
        """Pad examples together; with `rng`, crop those that are longer than the recipe allows."""
        items, starts = [], []
        for example in examples:
            item = self.frames[example.clip.name]
            start, count = 0, item.shape[-2]
            if rng is not None and 0 < self.crop < count:
                start = int(rng.integers(count - self.crop + 1))
                item = item[..., start : start + self.crop, :]
            items.append(item)
            starts.append(start)
        lengths = torch.tensor([item.shape[-2] for item in items])
        longest = int(lengths.max())
        values = np.zeros((len(items), *items[0].shape[:-2], longest, items[0].shape[-1]), np.float32)
        for row, item in zip(values, items, strict=True):
            row[..., : item.shape[-2], :] = item
        return Batch(torch.from_numpy(values), lengths, starts, list(examples), self.frame_rate)

    def _frames(self, example: Example) -> int:
        return self.frames.frames(example.clip.name)

    def _shuffled(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng((self.seed, epoch, 1))
        order = rng.permutation(len(self.examples)).tolist()
        size = self.recipe.batch
        if not self.recipe.bucket:
            return _pieces(order, size)
        # Sorted within stretches of 32 batches only, so that batches still differ from epoch to epoch.
        lengths = [self._frames(example) for example in self.examples]
        batches = [
            batch
            for stretch in _pieces(order, 32 * size)
            for batch in batches_by_length(stretch, lengths.__getitem__, max_items=size)
        ]
        return [batches[i] for i in rng.permutation(len(batches))]


def _pieces(values: list[int], size: int) -> list[list[int]]:
    return [values[first : first + size] for first in range(0, len(values), size)]
