"""The configuration of a separation model, which is also its `config.json`."""

from dataclasses import dataclass

from wavcube.errors import ConfigError
from wavcube.generation.regression.config import RegressorConfig


@dataclass(frozen=True)
class SeparatorConfig(RegressorConfig):
    """A separation model.

    Attributes:
        enrolment_seconds: the longest enrolment that it was trained with.
    """

    FORMAT = "wavcube-separation-1"
    WHAT = "a separation model"

    enrolment_seconds: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.enrolment_seconds <= 30:
            raise ConfigError(f"enrolment_seconds is {self.enrolment_seconds}; it lies from 1 to 30")
