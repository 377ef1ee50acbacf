"""The batches that a loader yields."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch

from wavcube.data.streaming.bad_files import Skipped
from wavcube.data.streaming.crops import Crop


class Outcome(NamedTuple):
    """What became of one place in a batch: a crop, or none, and the clips that were passed over for it."""

    crop: Crop | None
    skipped: list[Skipped]


@dataclass
class Batch:
    """Crops of one size.

    Attributes:
        waveform: `[B, S]` float32 at 16 kHz.
        lengths: `[B]` int64, valid samples of each; zeros follow them.
        names: where each comes from: its path, or its shard and key.
        skipped: clips that were passed over while this batch was made; the loader has counted them.
    """

    waveform: torch.Tensor
    lengths: torch.Tensor
    names: list[str]
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """Return the same batch with its tensors on `device`."""
        return replace(
            self,
            waveform=self.waveform.to(device, non_blocking=non_blocking),
            lengths=self.lengths.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> "Batch":
        """Called by the loader where CUDA is present."""
        return replace(self, waveform=self.waveform.pin_memory(), lengths=self.lengths.pin_memory())


def collate(outcomes: Sequence[Outcome]) -> Batch:
    """Stack crops to a batch; places without a crop are left out."""
    crops = [outcome.crop for outcome in outcomes if outcome.crop is not None]
    waveform = np.stack([crop.waveform for crop in crops]) if crops else np.zeros((0, 0), np.float32)
    return Batch(
        torch.from_numpy(waveform),
        torch.tensor([crop.length for crop in crops], dtype=torch.int64),
        [crop.name for crop in crops],
        [item for outcome in outcomes for item in outcome.skipped],
    )
