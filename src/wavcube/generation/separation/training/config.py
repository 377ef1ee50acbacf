"""All settings of separation training; recipes set what differs from these values."""

from dataclasses import dataclass, field

from wavcube.data.mixing import TalkerConfig
from wavcube.generation.regression.training.config import RegressionTrainConfig


@dataclass
class SeparateTrainConfig(RegressionTrainConfig):
    """A run.

    Attributes:
        mixtures: to learn from.
        held_out: to validate on: other speakers.
    """

    mixtures: TalkerConfig = field(default_factory=TalkerConfig)
    held_out: TalkerConfig = field(default_factory=TalkerConfig)
