"""All settings of enhancement training; recipes set what differs from these values."""

from dataclasses import dataclass, field

from wavcube.data.mixing import MixtureConfig
from wavcube.generation.regression.training.config import RegressionTrainConfig


@dataclass
class EnhanceTrainConfig(RegressionTrainConfig):
    """A run.

    Attributes:
        mixtures: to learn from.
        held_out: to validate on: other speakers, noises and rooms.
    """

    mixtures: MixtureConfig = field(default_factory=MixtureConfig)
    held_out: MixtureConfig = field(default_factory=MixtureConfig)
