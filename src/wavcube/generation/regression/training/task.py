"""A training task on mixtures: an objective with its mixtures and validation."""

import logging
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn

from wavcube.codec import WavCube
from wavcube.engine.trainable import Measured, Trainable, Validation
from wavcube.errors import CheckpointError
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.flow.config import RepresentationConfig
from wavcube.generation.regression.encoding import codec_of
from wavcube.generation.regression.model import LatentRegressor
from wavcube.generation.regression.training.batches import MixtureBatches
from wavcube.generation.regression.training.config import RegressionTrainConfig, sizes
from wavcube.generation.regression.training.frames import FrameBatch, MixtureFrames, MixtureSource, statistics
from wavcube.generation.regression.training.objective import RegressionObjective

logger = logging.getLogger(__name__)

STATISTICS_MIXTURES = 256
"""Mixtures whose frames give means and standard deviations."""

HELD_OUT_SEED = 1
"""Added to the run's seed for the validation's mixtures."""


def build_trainable(
    kind: type[RegressionObjective], config: RegressionTrainConfig, fabric: Fabric, checkpoint: Path | None
) -> Trainable:
    """The objective of a run with its mixtures; frames of a pool that are not on the disk yet are computed.

    Raises:
        WavCubeError: the representation, a checkpoint or the data cannot be used.
    """
    batches, seed = config.batches, config.run.seed
    with torch.random.fork_rng([]):  # what loading draws should not change a new model's weights
        codec = WavCube.from_pretrained(codec_of(config.representation), device=fabric.device)
        if fabric.device.type == "cpu":
            codec.optimize()
    samples = round(batches.seconds * SAMPLE_RATE)
    mixer = kind.mixer(config.mixtures, samples, seed)
    source: MixtureFrames | MixtureSource = mixer
    with fabric.rank_zero_first():
        if batches.pool:
            source = MixtureFrames(kind.batch_type, codec, mixer, batches.pool, batches.cache)
            source.compute(fabric.is_global_zero)
    model = _starting_model(kind, config, checkpoint, codec, source)
    objective = kind(model, config)
    stream = MixtureBatches(
        kind.batch_type,
        source,
        batches.mixtures,
        seed,
        fabric.global_rank,
        fabric.world_size,
        codec=codec,
        workers=batches.workers,
    )
    validations: list[Validation] = []
    if config.validation.every:
        held_out = kind.mixer(config.held_out, samples, seed + HELD_OUT_SEED)
        validations.append(HeldOutMixtures(config, fabric, objective, codec, held_out))
    number = f"a pool of {batches.pool}" if batches.pool else "endless"
    data = f"{number} mixtures of {batches.seconds:g} s from {len(mixer.speech.clips)} recordings of speech"
    return Trainable(objective, stream, batches.mixtures * batches.seconds, validations, data=data)


class HeldOutMixtures(Validation):
    """The loss on held-out mixtures, always the same, beside that of latents that are left as they are."""

    at_start = True

    def __init__(
        self,
        config: RegressionTrainConfig,
        fabric: Fabric,
        objective: RegressionObjective,
        codec: WavCube,
        mixer: MixtureSource,
    ) -> None:
        self.every, self.fabric, self.objective = config.validation.every, fabric, objective
        numbers, size = range(config.validation.mixtures), config.batches.mixtures
        with fabric.rank_zero_first():
            frames = MixtureFrames(objective.batch_type, codec, mixer, len(numbers), config.batches.cache)
            frames.compute(fabric.is_global_zero)
        self.batches = [frames.batch(numbers[start : start + size]) for start in range(0, len(numbers), size)]

    def measure(self, networks: nn.Module, step: int) -> Measured:
        objective, total = self.objective, {"loss": 0.0, "unchanged": 0.0}
        for held in self.batches:
            batch = held.to(self.fabric.device)
            output = networks(**objective.inputs(batch))
            total["loss"] += len(batch) * float(objective.loss(batch, output, None)[0])
            total["unchanged"] += len(batch) * float(objective.unchanged(batch))
        count = sum(len(batch) for batch in self.batches)
        return Measured({f"validation/{name}": value / count for name, value in total.items()}, "validation/loss")


def _starting_model(
    kind: type[RegressionObjective],
    config: RegressionTrainConfig,
    checkpoint: Path | None,
    codec: WavCube,
    source: MixtureFrames | MixtureSource,
) -> LatentRegressor:
    """The model of a run: of its own checkpoint, of the model that it goes on from, or with random weights and the
    statistics of its first mixtures."""
    fingerprint = WavCubeExtractor(codec, "latents").fingerprint
    trained = None
    if known := checkpoint or config.init_from:
        trained = kind.model_type.from_pretrained(known)
        found = trained.config.representation.fingerprint
        if found != fingerprint:
            raise CheckpointError(
                f"{known}: was trained on other latents ({found}) than those of {config.representation} "
                f"({fingerprint}); say where its WavCube lies with --set representation=wavcube:FOLDER"
            )
        if checkpoint is not None:
            return trained
        other = [
            name for name, value in config.transformer.items() if getattr(trained.config.transformer, name) != value
        ]
        if other:
            logger.warning("transformer: %s of the recipe are left out: the run has the sizes of %s", other, known)
    described = RepresentationConfig(config.representation, fingerprint, codec.latent_dim, codec.frame_rate)
    model = kind.new_model(
        config,
        transformer=trained.config.transformer if trained else sizes(config),
        representation=described,
        features=codec.config.encoder.feature_width,
        window_seconds=config.batches.seconds,
    )
    if trained is not None:  # whose statistics its weights expect
        model.load_state_dict(trained.state_dict())
        return model
    for name, values in statistics(_first(kind.batch_type, source, codec)).items():
        getattr(model, name).copy_(values)
    return model


def _first(kind: type[FrameBatch], source: MixtureFrames | MixtureSource, codec: WavCube) -> list[FrameBatch]:
    """Frames of the first mixtures, on the CPU."""
    if isinstance(source, MixtureFrames):
        return [source.batch(range(min(len(source), STATISTICS_MIXTURES)))]
    numbers = range(STATISTICS_MIXTURES)
    return [kind.encoded(codec, [source[i] for i in numbers[s : s + 8]]).to("cpu") for s in numbers[::8]]
