"""The configuration of an enhancement model, which is also its `config.json`."""

from dataclasses import dataclass

from wavcube.generation.regression.config import RegressorConfig


@dataclass(frozen=True)
class EnhancerConfig(RegressorConfig):
    """An enhancement model, see `RegressorConfig`."""

    FORMAT = "wavcube-enhancement-1"
    WHAT = "an enhancement model"
