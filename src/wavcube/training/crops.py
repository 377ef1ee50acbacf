"""Objectives on crops of speech: the stages, and the pitch network."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from wavcube.data.streaming import Batch
from wavcube.engine.trainable import Logs, Objective

Output = dict[str, Tensor]
"""What the networks make of a batch. Where there is speech in it, it is called `audio` [B, S]; a latent `latent`
[B, T, C], and the frames that count in it `latent_lengths` [B]."""


class CropObjective(Objective):
    """An objective whose batches are crops."""

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """Waveform [B, S] and valid samples [B]; None where nothing is padding."""
        # Without lengths there is nothing to mask, and no mask has to be looked at on a GPU, which would wait for it.
        full = batch.waveform.shape[1]
        lengths = None if all(length == full for length in batch.lengths.tolist()) else batch.lengths
        return {"waveform": batch.waveform, "lengths": lengths}

    @abstractmethod
    def measure(self, batch: Batch, output: Output) -> Logs:
        """Measures of validation, means over the batch; lower is better."""
