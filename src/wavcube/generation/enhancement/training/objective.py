"""The objective of enhancement: the distance of the cleaned latent from the clean one."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from wavcube.engine.trainable import DiscriminatorFn, Logs, Objective
from wavcube.generation.enhancement.model import STATISTICS, LatentEnhancer
from wavcube.generation.enhancement.training.card import model_card
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig
from wavcube.generation.enhancement.training.frames import FrameBatch
from wavcube.generation.flow.model_folder import export_model, write_model_folder


class EnhancementObjective(Objective):
    """Mean absolute error of the normalised latent, over all channels and frames."""

    networks: LatentEnhancer

    def __init__(self, model: LatentEnhancer, config: EnhanceTrainConfig) -> None:
        super().__init__()
        self.config, self.networks = config, model

    def inputs(self, batch: FrameBatch) -> dict[str, Any]:
        return {"features": batch.features, "latents": batch.latents}

    def loss(self, batch: FrameBatch, output: Tensor, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        return F.l1_loss(output.float(), self.networks.normalise(batch.clean)), {}

    def unchanged(self, batch: FrameBatch) -> Tensor:
        """The loss of a model that leaves the latent as it is."""
        return F.l1_loss(self.networks.normalise(batch.latents), self.networks.normalise(batch.clean))

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        write_model_folder(folder, self.networks.config, weights, None, STATISTICS)

    def export(self, checkpoint: Path, folder: Path) -> None:
        export_model(checkpoint, folder, model_card(self.networks, self.config))
