"""Mean and standard deviation of every latent channel over training data, which generators and probes normalise by."""

from contextlib import nullcontext

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from wavcube.data.streaming import Batch, build_loader
from wavcube.engine.ema import WeightAverage
from wavcube.engine.fabric import reduce
from wavcube.engine.trainable import Objective
from wavcube.training.config import TrainConfig


class LatentStatistics:
    """Measures on training crops that are drawn once, each process its own, with another seed than training's."""

    def __init__(self, config: TrainConfig, fabric: Fabric) -> None:
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
        while len(self.batches) * size < config.run.statistics_clips:
            self.batches.append(next(crops))

    @torch.no_grad()
    def of(
        self, fabric: Fabric, networks: nn.Module, objective: Objective, average: WeightAverage | None
    ) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation [C] on the CPU; None for networks without a latent. All processes call it."""
        sums: Tensor | None = None
        with nullcontext() if average is None else average.in_networks():
            networks.eval()
            for batch in self.batches:
                batch = batch.to(fabric.device)
                output = networks(**objective.inputs(batch))
                if "latent" not in output:
                    break
                latent = output["latent"].float()
                real = torch.arange(latent.shape[1], device=latent.device) < output["latent_lengths"][:, None]
                frames = latent[real]
                count = frames.new_full((1, frames.shape[1]), len(frames))
                batch_sums = torch.cat([count, frames.sum(0)[None], frames.square().sum(0)[None]])
                sums = batch_sums if sums is None else sums + batch_sums
            networks.train()
        if sums is None:
            return None
        # Sums of squares of latents of order 1 over some 1e5 frames keep four digits in float32: enough to scale by.
        count, total, squares = reduce(fabric, sums, "sum").cpu().double()
        mean = total / count
        return mean.float(), (squares / count - mean.square()).clamp_min(0).sqrt().float()
