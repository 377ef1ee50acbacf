"""What the loop trains: networks that make something of a batch, and losses on what they make.

The loop knows nothing else of a task. The two stages are in stages.py.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wavcube.data.streaming import Batch
from wavcube.training.acoustic_loss import DiscriminatorFn, Logs

Output = dict[str, Tensor]
"""What the networks make of a batch. Where there is speech in it, it is called `audio` [B, S]; a latent `latent`
[B, T, C], and the frames that count in it `latent_lengths` [B]."""


class Objective(nn.Module, ABC):
    """A task.

    Attributes:
        networks: everything that a generator step needs; called once a step with what `inputs` gives. Parameters that
            do not train, or that no loss reaches, do not require gradients.
        discriminator: trained beside the networks from step `discriminator_start_step` on; None for a task without.
        adversarial_start_step: step from which it takes part in the networks' loss.
    """

    networks: nn.Module
    discriminator: nn.Module | None
    discriminator_start_step: int
    adversarial_start_step: int

    def __init__(self) -> None:
        super().__init__()
        self.discriminator = None
        self.discriminator_start_step = self.adversarial_start_step = 0

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """Arguments of `networks.forward` for a batch on the device."""
        # Without lengths there is nothing to mask, and no mask has to be looked at on a GPU, which would wait for it.
        full = batch.waveform.shape[1]
        lengths = None if all(length == full for length in batch.lengths.tolist()) else batch.lengths
        return {"waveform": batch.waveform, "lengths": lengths}

    @abstractmethod
    def generator_loss(self, batch: Batch, output: Output, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        """The loss of the networks; `discriminate` is None while the discriminators do not take part."""

    def discriminator_loss(self, batch: Batch, output: Output, discriminate: DiscriminatorFn) -> tuple[Tensor, Logs]:
        """The loss of the discriminators, on output that passes no gradient on."""
        raise NotImplementedError

    @abstractmethod
    def measure(self, batch: Batch, output: Output) -> Logs:
        """Measures of validation, means over the batch; lower is better."""

    @abstractmethod
    def save(self, folder: Path, weights: dict[str, Tensor], statistics: tuple[Tensor, Tensor] | None) -> None:
        """Write what users load, and what the objective needs to be built again, into an existing folder.

        Args:
            folder: where to.
            weights: the networks' whole state, on the CPU.
            statistics: mean and standard deviation [C] of the latent over training data, where there is a latent.
        """

    @abstractmethod
    def export(self, checkpoint: Path, folder: Path) -> None:
        """Write what is left for users of a finished run's last checkpoint."""
