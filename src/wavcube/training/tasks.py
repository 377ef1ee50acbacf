"""The training tasks: objective, data and validation of each."""

from pathlib import Path

from lightning.fabric import Fabric

from wavcube.data.streaming import build_loader
from wavcube.engine.trainable import Trainable
from wavcube.training.config import TrainConfig
from wavcube.training.crops import CropObjective
from wavcube.training.init_from import load_discriminator, resumed_model, stage1_model, stage2_model
from wavcube.training.latent_statistics import LatentStatistics
from wavcube.training.small.pitch_task import PitchTask
from wavcube.training.stages import Stage
from wavcube.training.validation import HeldOut


def build_trainable(config: TrainConfig, fabric: Fabric, checkpoint: Path | None) -> Trainable:
    """The objective of a run with its crops and held-out clips.

    Raises:
        WavCubeError: what it starts from, or its data, cannot be used.
    """
    objective = build_objective(config, checkpoint)
    loader = build_loader(
        config.data,
        crop_samples=round(config.loader.crop_seconds * 16_000),
        batch_size=config.loader.batch_size,
        seed=config.run.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        workers=config.loader.workers,
        train=True,
    )
    held_out = HeldOut(config, fabric, objective)
    if isinstance(objective, Stage):
        objective.statistics = LatentStatistics(config, fabric)
    seconds = config.loader.crop_seconds * config.loader.batch_size
    return Trainable(objective, loader, seconds, [held_out], bad_recordings=lambda: loader.bad_files.bad)


def build_objective(config: TrainConfig, checkpoint: Path | None) -> CropObjective:
    """The objective of a run, from its own checkpoint or, with None, from what `config.init_from` names."""
    if config.task == "pitch":
        return PitchTask(config, checkpoint)
    make = stage1_model if config.task == "stage1" else stage2_model
    stage = Stage(config, make(config) if checkpoint is None else resumed_model(checkpoint, config))
    if stage.discriminator is not None and config.task == "stage2" and checkpoint is None:
        load_discriminator(stage.discriminator, config.init_from)
    return stage
