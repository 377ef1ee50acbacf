"""The base of objectives: a model, the class of its batches, and how both are saved."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from wavcube.engine.trainable import Objective
from wavcube.generation.flow.model_folder import export_model, write_model_folder
from wavcube.generation.regression.model import STATISTICS, LatentRegressor
from wavcube.generation.regression.training.config import RegressionTrainConfig
from wavcube.generation.regression.training.frames import FrameBatch, MixtureSource


class RegressionObjective(Objective):
    """What a tool's training is, beside its settings.

    Attributes:
        model_type: the class of the networks.
        batch_type: of the batches.
        settings_type: of the settings.
    """

    model_type: ClassVar[type[LatentRegressor]]
    batch_type: ClassVar[type[FrameBatch]]
    settings_type: ClassVar[type[RegressionTrainConfig]]
    networks: LatentRegressor

    def __init__(self, model: Any, config: Any) -> None:
        super().__init__()
        self.config, self.networks = config, model

    @classmethod
    @abstractmethod
    def mixer(cls, mixtures: Any, samples: int, seed: int) -> MixtureSource:
        """Mixtures of so many samples at 16 kHz."""

    @classmethod
    @abstractmethod
    def new_model(cls, config: Any, **described: Any) -> LatentRegressor:
        """A model with random weights; `described` are the fields of `RegressorConfig`."""

    @abstractmethod
    def unchanged(self, batch: Any) -> Tensor:
        """The loss of a model that leaves the mixture's latent as it is."""

    @abstractmethod
    def card(self) -> str:
        """The model card, Markdown."""

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        write_model_folder(folder, self.networks.config, weights, None, STATISTICS)

    def export(self, checkpoint: Path, folder: Path) -> None:
        export_model(checkpoint, folder, self.card())
