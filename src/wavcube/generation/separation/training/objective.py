"""The objective of separation: the distance of two latents from those of the talkers."""

from typing import Any

import torch
from torch import Tensor

from wavcube.data.mixing import TalkerConfig, TalkerMixer
from wavcube.engine.trainable import DiscriminatorFn, Logs
from wavcube.generation.regression.training.objective import RegressionObjective
from wavcube.generation.separation.config import SeparatorConfig
from wavcube.generation.separation.model import LatentSeparator
from wavcube.generation.separation.order import distances
from wavcube.generation.separation.training.card import model_card
from wavcube.generation.separation.training.config import SeparateTrainConfig
from wavcube.generation.separation.training.frames import TalkerBatch


class SeparationObjective(RegressionObjective):
    """Mean absolute error of the normalised latents. Every second item of a batch has an enrolment, which fixes the
    order of the talkers; of the others, the better order counts, one for the whole item."""

    model_type = LatentSeparator
    batch_type = TalkerBatch
    settings_type = SeparateTrainConfig
    networks: LatentSeparator
    config: SeparateTrainConfig

    @classmethod
    def mixer(cls, mixtures: TalkerConfig, samples: int, seed: int) -> TalkerMixer:
        return TalkerMixer(mixtures, samples, seed)

    @classmethod
    def new_model(cls, config: SeparateTrainConfig, **described: Any) -> LatentSeparator:
        return LatentSeparator(SeparatorConfig(**described, enrolment_seconds=config.mixtures.enrolment_seconds))

    def inputs(self, batch: TalkerBatch) -> dict[str, Any]:
        return {
            "features": batch.features,
            "latents": batch.latents,
            "enrolment_features": batch.enrolment_features,
            "enrolment_latents": batch.enrolment_latents,
            "enrolled": _enrolled(batch),
        }

    def loss(self, batch: TalkerBatch, output: Tensor, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        orders = distances(output.float(), self.networks.normalise(batch.sources))
        return torch.where(_enrolled(batch), orders[:, 0], orders.amin(1)).mean(), {}

    def unchanged(self, batch: TalkerBatch) -> Tensor:
        mixture = self.networks.normalise(batch.latents)[:, :, None].expand_as(batch.sources)
        return distances(mixture, self.networks.normalise(batch.sources))[:, 0].mean()

    def card(self) -> str:
        return model_card(self.networks, self.config)


def _enrolled(batch: TalkerBatch) -> Tensor:
    return torch.arange(len(batch), device=batch.latents.device) % 2 == 1
