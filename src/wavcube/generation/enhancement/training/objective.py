"""The objective of enhancement: the distance of the cleaned latent from the clean one."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from wavcube.data.mixing import Mixer, MixtureConfig
from wavcube.engine.trainable import DiscriminatorFn, Logs
from wavcube.generation.enhancement.config import EnhancerConfig
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.training.card import model_card
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig
from wavcube.generation.enhancement.training.frames import NoisyBatch
from wavcube.generation.regression.training.objective import RegressionObjective


class EnhancementObjective(RegressionObjective):
    """Mean absolute error of the normalised latent, over all channels and frames."""

    model_type = LatentEnhancer
    batch_type = NoisyBatch
    settings_type = EnhanceTrainConfig
    networks: LatentEnhancer
    config: EnhanceTrainConfig

    @classmethod
    def mixer(cls, mixtures: MixtureConfig, samples: int, seed: int) -> Mixer:
        return Mixer(mixtures, samples, seed)

    @classmethod
    def new_model(cls, config: EnhanceTrainConfig, **described: Any) -> LatentEnhancer:
        return LatentEnhancer(EnhancerConfig(**described))

    def inputs(self, batch: NoisyBatch) -> dict[str, Any]:
        return {"features": batch.features, "latents": batch.latents}

    def loss(self, batch: NoisyBatch, output: Tensor, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        return F.l1_loss(output.float(), self.networks.normalise(batch.clean)), {}

    def unchanged(self, batch: NoisyBatch) -> Tensor:
        return F.l1_loss(self.networks.normalise(batch.latents), self.networks.normalise(batch.clean))

    def card(self) -> str:
        return model_card(self.networks, self.config)
