"""Peak memory of a full-size stage-2 step, by batch size, without a GPU: PyTorch's tracker over tensors without data.

    python -m benchmarks.training_memory [--batches 1 2 4 8] [--seconds 10]

Counts weights, gradients, optimiser state, activations and temporary tensors of two steps of the networks and the
published discriminators. Not counted: the CUDA context and the allocator's fragments; RESERVE is set aside for them.
"""

import argparse
import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.optim import AdamW

from benchmarks.harness import save
from wavcube import WavCube, WavCubeConfig
from wavcube.training.config import TrainConfig
from wavcube.training.data import Batch
from wavcube.training.discriminators import Verdict
from wavcube.training.hardware import keep_fewer_activations
from wavcube.training.stages import Stage

CARDS = (24, 40, 80)
RESERVE = 1.10
"""What lies in an allocator for every byte that is in use, by rule of thumb; and 0.5 GiB for the CUDA context."""


def peak_gib(batch: int, seconds: float, bf16: bool, checkpointing: bool, average: bool) -> float:
    """GiB at the fullest moment of the second step, when the optimisers have their state."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        config = TrainConfig(task="stage2", start="random")
        config.losses.gan_from = 0
        sizes = dataclasses.replace(WavCubeConfig.preset("full"), restorer=True, teacher=True)
        stage = Stage(config, WavCube(sizes))
        networks, discriminator = stage.networks, stage.discriminator
        assert discriminator is not None
        if checkpointing:
            keep_fewer_activations(networks)
        trained = [p for p in networks.parameters() if p.requires_grad]
        optimizers = AdamW(trained, fused=True), AdamW(discriminator.parameters(), fused=True)
        networks.train()
        stage.requires_grad_(True)  # the tracker hooks every parameter; the teacher gets no gradient all the same
        samples = round(seconds * 16_000)
        speech = Batch(torch.randn(batch, samples), torch.full((batch,), samples), [])
        tracker = MemTracker()
        tracker.track_external(stage, *optimizers)

        def autocast() -> Any:
            return torch.autocast("cpu", torch.bfloat16, enabled=bf16)

        def judge(waveform: Tensor) -> dict[str, list[Verdict]]:
            with autocast():
                return discriminator(waveform)  # type: ignore[no-any-return]

        with tracker:
            for _ in range(2):
                tracker.reset_mod_stats()
                with autocast():
                    output = networks(waveform=speech.waveform, lengths=None)
                output = {name: value.float() for name, value in output.items()}
                stage.discriminator_loss(speech, output, judge)[0].backward()
                optimizers[1].step()
                optimizers[1].zero_grad()
                stage.generator_loss(speech, output, judge)[0].backward()
                optimizers[0].step()
                optimizers[0].zero_grad()
                optimizers[1].zero_grad()
                del output
    total = sum(snapshot["Total"] for snapshot in tracker.get_tracker_snapshot("peak").values())
    if average:
        total += 4 * sum(p.numel() for p in trained)
    return total / 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    rows = []
    print("| crops a GPU | precision | activations | in use, GiB | fits on |")
    print("| --- | --- | --- | --- | --- |")
    for bf16, checkpointing in ((True, True), (True, False), (False, False)):
        for batch in options.batches:
            used = peak_gib(batch, options.seconds, bf16, checkpointing, average=False)
            cards = [f"{size} GB" for size in CARDS if used * RESERVE + 0.5 <= size * 1e9 / 2**30]
            kind = "bf16" if bf16 else "float32", "computed again" if checkpointing else "kept"
            print(f"| {batch} | {kind[0]} | {kind[1]} | {used:.1f} | {', '.join(cards) or '-'} |", flush=True)
            rows.append({"batch": batch, "precision": kind[0], "activations": kind[1], "gib": round(used, 2)})
    print(save("training_memory", {"seconds": options.seconds, "rows": rows}))


if __name__ == "__main__":
    main()
