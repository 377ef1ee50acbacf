"""One stage-2 step, generator and discriminators, against the order of work of the public training code.

    python -m benchmarks.training_step [--layers 8] [--seconds 2] [--batch 1] [--threads 1] [--rounds 5]

Both orders run the same modules: the full-size model with `--layers` of its 24 + 24 transformer layers (all of them
take 15 GB), and the published discriminators. The public code makes a forward pass of the whole generator for each
of its two optimisers and scores real and decoded speech one after the other; ours makes one, and scores both
together. "same optimiser" has the public code's AdamW, "ours" the fused one.
"""

import argparse
import dataclasses

import torch
from torch.optim import AdamW

from benchmarks.harness import interleave, save
from wavcube import WavCube, WavCubeConfig
from wavcube.data.streaming import Batch
from wavcube.training.config import TrainConfig
from wavcube.training.discriminators import DiscriminatorOutput
from wavcube.training.losses import discriminator_loss
from wavcube.training.stages import Stage


def build(layers: int) -> Stage:
    """Stage 2 with random weights, the teacher beside the student."""
    full = WavCubeConfig.preset("full")
    sizes = dataclasses.replace(
        full,
        encoder=dataclasses.replace(full.encoder, layers=layers),
        decoder=dataclasses.replace(full.decoder, layers=layers),
        restorer=True,
        teacher=True,
    )
    torch.manual_seed(0)
    config = TrainConfig(task="stage2", init_from="random")
    config.losses.mel, config.losses.gan, config.discriminator.adversarial_start_step = 4.5, 0.1, 0
    stage = Stage(config, WavCube(sizes))
    stage.networks.train()
    return stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("--layers", 8), ("--batch", 1), ("--threads", 1), ("--rounds", 5)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stage = build(options.layers)
    networks, discriminator = stage.networks, stage.discriminator
    assert discriminator is not None
    samples = round(options.seconds * 16_000)
    batch = Batch(0.1 * torch.randn(options.batch, samples), torch.full((options.batch,), samples), [])
    trained = [p for p in networks.parameters() if p.requires_grad]
    optimizers = [AdamW(trained, lr=1e-6), AdamW(discriminator.parameters(), lr=1e-6)]

    def update(which: int, fused: bool) -> None:
        for group in optimizers[which].param_groups:
            group["fused"], group["foreach"] = fused, None
        optimizers[which].step()
        optimizers[which].zero_grad(set_to_none=True)

    def loss(output: dict[str, torch.Tensor], fused: bool) -> None:
        discriminator.requires_grad_(False)
        stage.loss(batch, output, discriminator)[0].backward()
        discriminator.requires_grad_(True)
        update(0, fused)

    def public_order() -> None:
        with torch.no_grad():
            output = networks(**stage.inputs(batch))
        outputs: list[dict[str, list[DiscriminatorOutput]]] = [
            discriminator(batch.waveform),
            discriminator(output["audio"]),
        ]
        sum(discriminator_loss(outputs[0][family], outputs[1][family]) for family in outputs[0]).backward()
        update(1, fused=False)
        loss(networks(**stage.inputs(batch)), fused=False)

    def our_order(fused: bool) -> None:
        output = networks(**stage.inputs(batch))
        stage.discriminator_loss(batch, output, discriminator)[0].backward()
        update(1, fused)
        loss(output, fused)

    timings = interleave(
        {
            "public order": public_order,
            "ours, same optimiser": lambda: our_order(fused=False),
            "ours": lambda: our_order(fused=True),
        },
        options.rounds,
    )
    base = timings["public order"]
    for name, timing in timings.items():
        print(
            f"{name:22} {timing.wall:6.2f} s wall ({timing.wall / base.wall:.2f}), "
            f"{timing.cpu:6.2f} s CPU ({timing.cpu / base.cpu:.2f})"
        )
    parameters = sum(p.numel() for p in trained)
    print(save("training_step", {"options": vars(options), "trained parameters": parameters, "seconds": timings}))


if __name__ == "__main__":
    main()
