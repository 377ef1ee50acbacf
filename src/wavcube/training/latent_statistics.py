"""Mean and standard deviation of every latent channel over training data, which generators normalise by."""

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from wavcube.data.streaming import Batch, build_loader
from wavcube.engine.fabric import reduce
from wavcube.engine.trainable import Objective
from wavcube.padding import valid_mask
from wavcube.training.config import TrainConfig


class LatentStatistics:
    """Measures on training crops that are drawn once, each process its own, with another seed than training's."""

    def __init__(self, config: TrainConfig, fabric: Fabric) -> None:
        self.fabric = fabric
        self.batches: list[Batch] = []
        size = config.loader.batch_size
        loader = build_loader(
            config.data,
            crop_samples=round(config.loader.crop_seconds * 16_000),
            batch_size=size,
            seed=config.run.seed + 1,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
            workers=0,
            train=True,
        )
        crops = iter(loader)
        while len(self.batches) * size < config.model.statistics_clips:
            self.batches.append(next(crops))

    def measure(self, networks: nn.Module, objective: Objective) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation [C] on the CPU, None of no crops; all processes call it, without gradients.

        Args:
            networks: the wrapped ones of the objective, evaluating, whose output has `latent` and `latent_lengths`.
            objective: makes their inputs.
        """
        sums: Tensor | None = None
        for batch in self.batches:
            batch = batch.to(self.fabric.device)
            output = networks(**objective.inputs(batch))
            latent = output["latent"].float()
            real = valid_mask(output["latent_lengths"], latent.shape[1])
            frames = latent[real]
            count = frames.new_full((1, frames.shape[1]), len(frames))
            batch_sums = torch.cat([count, frames.sum(0)[None], frames.square().sum(0)[None]])
            sums = batch_sums if sums is None else sums + batch_sums
        if sums is None:
            return None
        # Sums of squares of latents of order 1 over some 1e5 frames keep four digits in float32: enough to scale by.
        count, total, squares = reduce(self.fabric, sums, "sum").cpu().double()
        mean = total / count
        return mean.float(), (squares / count - mean.square()).clamp_min(0).sqrt().float()
