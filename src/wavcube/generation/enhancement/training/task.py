"""The training task of enhancement: its objective, mixtures and validation."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn

from wavcube.codec import WavCube
from wavcube.data.mixing import Mixer
from wavcube.engine.trainable import Measured, Trainable, Validation
from wavcube.errors import CheckpointError
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.enhancement.config import EnhancerConfig
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.pipeline import codec_of
from wavcube.generation.enhancement.training.batches import MixtureBatches
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig, sizes
from wavcube.generation.enhancement.training.frames import FrameBatch, MixtureFrames, encode_mixtures, statistics
from wavcube.generation.enhancement.training.objective import EnhancementObjective
from wavcube.generation.flow.config import RepresentationConfig

STATISTICS_MIXTURES = 256
"""Mixtures whose frames give means and standard deviations."""

HELD_OUT_SEED = 1
"""Added to the run's seed for the validation's mixtures."""


def build_trainable(config: EnhanceTrainConfig, fabric: Fabric, checkpoint: Path | None) -> Trainable:
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
    mixer = Mixer(config.mixtures, samples, seed)
    source: MixtureFrames | Mixer = mixer
    with fabric.rank_zero_first():
        if batches.pool:
            source = MixtureFrames(codec, mixer, batches.pool, batches.cache)
            source.compute(fabric.is_global_zero)
    model = _starting_model(config, checkpoint, codec, source)
    objective = EnhancementObjective(model, config)
    stream = MixtureBatches(
        source, batches.mixtures, seed, fabric.global_rank, fabric.world_size, codec=codec, workers=batches.workers
    )
    validations: list[Validation] = []
    if config.validation.every:
        held_out = Mixer(config.held_out, samples, seed + HELD_OUT_SEED)
        validations.append(HeldOutMixtures(config, fabric, objective, codec, held_out))
    kind = f"a pool of {batches.pool}" if batches.pool else "endless"
    data = f"{kind} mixtures of {batches.seconds:g} s from {len(mixer.speech.clips)} recordings of speech"
    return Trainable(objective, stream, batches.mixtures * batches.seconds, validations, data=data)


class HeldOutMixtures(Validation):
    """The loss on held-out mixtures, always the same, beside that of latents that are left as they are."""

    at_start = True

    def __init__(
        self, config: EnhanceTrainConfig, fabric: Fabric, objective: EnhancementObjective, codec: WavCube, mixer: Mixer
    ) -> None:
        self.every, self.fabric, self.objective = config.validation.every, fabric, objective
        numbers, size = range(config.validation.mixtures), config.batches.mixtures
        with fabric.rank_zero_first():
            frames = MixtureFrames(codec, mixer, len(numbers), config.batches.cache)
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
    config: EnhanceTrainConfig, checkpoint: Path | None, codec: WavCube, source: MixtureFrames | Mixer
) -> LatentEnhancer:
    """The model of a run: of its own checkpoint, or with random weights and the statistics of its first mixtures."""
    fingerprint = WavCubeExtractor(codec, "latents").fingerprint
    if checkpoint is not None:
        model = LatentEnhancer.from_pretrained(checkpoint)
        found = model.config.representation.fingerprint
        if found != fingerprint:
            raise CheckpointError(
                f"{checkpoint}: was trained on other latents ({found}) than those of {config.representation} "
                f"({fingerprint}); say where its WavCube lies with --set representation=wavcube:FOLDER"
            )
        return model
    described = RepresentationConfig(config.representation, fingerprint, codec.latent_dim, codec.frame_rate)
    features = codec.config.encoder.feature_width
    model = LatentEnhancer(EnhancerConfig(sizes(config), described, features, config.batches.seconds))
    for name, values in statistics(_first(source, codec)).items():
        getattr(model, name).copy_(values)
    return model


def _first(source: MixtureFrames | Mixer, codec: WavCube) -> list[FrameBatch]:
    """Frames of the first mixtures, on the CPU."""
    if isinstance(source, MixtureFrames):
        return [source.batch(range(min(len(source), STATISTICS_MIXTURES)))]
    numbers = range(STATISTICS_MIXTURES)
    return [encode_mixtures(codec, [source[i] for i in numbers[s : s + 8]]).to("cpu") for s in numbers[::8]]
