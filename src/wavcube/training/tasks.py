"""Which objective each task has."""

from pathlib import Path

from wavcube.training.config import TrainConfig
from wavcube.training.objective import Objective
from wavcube.training.stages import Stage


def build_objective(config: TrainConfig, checkpoint: Path | None) -> Objective:
    """The objective of a run, from its own checkpoint or, with None, from what `config.start` names."""
    return Stage(config, checkpoint)
