"""Which objective each task has."""

from pathlib import Path

from wavcube.engine.trainable import Objective
from wavcube.training.config import TrainConfig
from wavcube.training.init_from import load_discriminator, resumed_model, stage1_model, stage2_model
from wavcube.training.small.distill import Distill
from wavcube.training.stages import Stage


def build_objective(config: TrainConfig, checkpoint: Path | None) -> Objective:
    """The objective of a run, from its own checkpoint or, with None, from what `config.init_from` names."""
    if config.task == "distill":
        return Distill(config, checkpoint)
    make = stage1_model if config.task == "stage1" else stage2_model
    stage = Stage(config, make(config) if checkpoint is None else resumed_model(checkpoint, config))
    if stage.discriminator is not None and config.task == "stage2" and checkpoint is None:
        load_discriminator(stage.discriminator, config.init_from)
    return stage
