"""What a full-size training step takes of a GPU's memory, and how many crops fit: computed, without a GPU.

    python -m benchmarks.training_memory [--seconds 10]
    python -m benchmarks.training_memory --check          # the method against a real step of a small model on the CPU

The step of the loop is carried out on tensors without data (PyTorch's fake tensors): forward, discriminators, both
backward passes, fused AdamW. Every storage counts from when an operation makes it to when nothing refers to it any
more; the most that is alive at once is the answer. It therefore holds weights, gradients, optimiser state, activations
and what operations return, in the order in which they really come and go.

Fake tensors pretend to be on a CPU, so what CUDA does otherwise is put in: attention keeps what its memory-efficient
kernel keeps, and under autocast norms compute in float32. Not counted: what a kernel takes and gives back within
itself, the allocator's fragments and the CUDA context; `RESERVE` and `CONTEXT` are set aside for them.
"""

import argparse
import contextlib
import dataclasses
import resource
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import AdamW
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.harness import save
from wavcube import WavCube, WavCubeConfig
from wavcube.data.streaming import Batch
from wavcube.engine.fabric import keep_fewer_activations
from wavcube.training.config import TrainConfig
from wavcube.training.discriminators import DiscriminatorOutput
from wavcube.training.stages import Stage

CARDS = (24, 40, 80)
"""Sizes of GPUs in GB of 10^9 bytes."""

RESERVE, CONTEXT = 0.10, 0.5 * 2**30
"""By rule of thumb: share of what is in use that lies idle in the allocator; bytes of the CUDA context."""

SMALL = {"stage": 2, "bf16": False, "layers": 2, "seconds": 2.0}
"""What `--check` really does: full widths, few layers."""


class LiveBytes(TorchDispatchMode):
    """Bytes of all storages that are alive, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._sizes: dict[int, int] = {}

    def add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._drop, place)

    def _drop(self, place: int) -> None:
        self.now -= self._sizes.pop(place)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return out


class EfficientAttention(torch.autograd.Function):
    """What CUDA's memory-efficient attention allocates and keeps: inputs, bias, output and a sum for every query."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        out = torch.empty_like(query)
        sums = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, bias, out, sums)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        pairs = zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        return tuple(torch.empty_like(tensor) if needed else None for tensor, needed in pairs)


def efficient_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **_: Any) -> Tensor:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
    if attn_mask is not None:
        # A bias of the inputs' type, its rows a multiple of 8 long.
        attn_mask = F.pad(attn_mask.to(dtype), (0, -attn_mask.shape[-1] % 8))
    out: Tensor = EfficientAttention.apply(query.to(dtype), key.to(dtype), value.to(dtype), attn_mask)
    return out


def in_float32(norm: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def normed(values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return norm(values.float() if torch.is_autocast_enabled("cpu") else values, *args, **kwargs)

    return normed


@contextlib.contextmanager
def like_cuda() -> Iterator[None]:
    """Attention and norms as CUDA has them."""
    with (
        mock.patch.object(F, "scaled_dot_product_attention", efficient_attention),
        mock.patch.object(F, "layer_norm", in_float32(F.layer_norm)),
        mock.patch.object(F, "group_norm", in_float32(F.group_norm)),
    ):
        yield


class Step:
    """The loop's step (engine/fit.py), without its data and logs."""

    def __init__(
        self, stage: Literal[1, 2], batch: int, seconds: float, bf16: bool, checkpointing: bool, layers: int = 0
    ) -> None:
        config = TrainConfig(task=f"stage{stage}", init_from="random")
        full = WavCubeConfig.preset("full")
        sizes = dataclasses.replace(full, stage=stage, restorer=True, teacher=stage == 2)
        if layers:
            parts = {name: dataclasses.replace(getattr(full, name), layers=layers) for name in ("encoder", "decoder")}
            sizes = dataclasses.replace(sizes, **parts)
        model = WavCube(sizes)
        if stage == 1:
            model.encoder.requires_grad_(False)
        self.stage, self.bf16 = Stage(config, model), bf16
        assert self.stage.discriminator is not None
        self.discriminator = self.stage.discriminator
        if checkpointing:
            keep_fewer_activations(self.stage.networks)
        self.stage.networks.train()
        trained = [p for p in self.stage.networks.parameters() if p.requires_grad]
        self.optimizers = [AdamW(trained, fused=True), AdamW(self.discriminator.parameters(), fused=True)]
        for optimizer in self.optimizers:  # a first update makes the optimiser's state
            for p in optimizer.param_groups[0]["params"]:
                p.grad = torch.zeros_like(p)
            self._update(optimizer)
        samples = round(seconds * 16_000)
        self.batch = Batch(torch.randn(batch, samples), torch.full((batch,), samples), [])

    def run(self) -> None:
        with self._autocast():
            output = self.stage.networks(waveform=self.batch.waveform, lengths=None)
        output = {name: value.float() for name, value in output.items()}  # as Fabric hands them on
        self.stage.discriminator_loss(self.batch, output, self._judge)[0].backward()
        self._update(self.optimizers[1])
        self.discriminator.requires_grad_(False)
        self.stage.loss(self.batch, output, self._judge)[0].backward()
        self.discriminator.requires_grad_(True)
        self._update(self.optimizers[0])

    def _judge(self, waveform: Tensor) -> dict[str, list[DiscriminatorOutput]]:
        with self._autocast():
            return self.discriminator(waveform)

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)

    @staticmethod
    def _update(optimizer: AdamW) -> None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def peak(cuda: bool = True, **settings: Any) -> tuple[int, int]:
    """Bytes before the step (weights, optimiser state, a batch) and at its fullest moment."""
    live = LiveBytes()
    with FakeTensorMode(), like_cuda() if cuda else contextlib.nullcontext():
        step = Step(**settings)
        for tensor in [*step.stage.parameters(), *step.stage.buffers(), step.batch.waveform]:
            live.add(tensor)
        for optimizer in step.optimizers:
            for tensor in tree_leaves([*optimizer.state.values()]):
                live.add(tensor)
        before = live.now
        with live:
            step.run()
    return before, live.most


def check() -> None:
    """Print what a small step really makes resident on this machine, and what the method says."""
    rows = []
    for checkpointing, batch in ((False, 2), (False, 6), (True, 2)):
        settings = {"checkpointing": checkpointing, "batch": batch, **SMALL}
        code = f"from benchmarks.training_memory import resident; print(*resident({settings!r}))"
        told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
        before, most = (int(number) / 2**30 for number in told)
        said = [number / 2**30 for number in peak(cuda=False, **settings)]
        kind = "computed again" if checkpointing else "kept"
        print(
            f"{batch} crops, {kind}: {before:.2f} GiB, at most {most:.2f}; said {said[0]:.2f}, {said[1]:.2f}",
            flush=True,
        )
        rows.append({"crops": batch, "activations": kind, "resident": [before, most], "said": said})
    print(save("training_memory_check", {"settings": SMALL, "rows": rows}))


def resident(settings: dict[str, Any]) -> tuple[int, int]:
    """Bytes resident before and, at most, during a real step, over what the libraries take."""

    def now() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    libraries = now()
    step = Step(**settings)
    before = now()
    step.run()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return before - libraries, most - libraries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a crop")
    parser.add_argument("--check", action="store_true", help="a small step in earnest instead")
    options = parser.parse_args()
    if options.check:
        return check()
    rows = []
    print(f"| stage | activations | before the step | each crop | {' | '.join(f'{size} GB' for size in CARDS)} |")
    print(f"|{' --- |' * (4 + len(CARDS))}")
    for stage in (1, 2):
        for checkpointing in (False, True):
            settings = {"stage": stage, "seconds": options.seconds, "bf16": True, "checkpointing": checkpointing}
            found = {batch: peak(batch=batch, **settings) for batch in (4, 8)}
            each = (found[8][1] - found[4][1]) / 4
            fits = [_largest(size * 1e9, found[8][1] - 8 * each, each, settings) for size in CARDS]
            row = {
                "stage": stage,
                "activations": "computed again" if checkpointing else "kept",
                "before": found[4][0] / 2**30,
                "each crop": each / 2**30,
                "peaks": {batch: most / 2**30 for batch, (_, most) in found.items()},
                "largest batch": dict(zip(CARDS, fits, strict=True)),
            }
            cells = [stage, row["activations"], f"{row['before']:.1f} GiB", f"{row['each crop']:.2f} GiB"]
            print(f"| {' | '.join(map(str, [*cells, *(fit or '-' for fit in fits)]))} |", flush=True)
            rows.append(row)
    print(save("training_memory", {"seconds": options.seconds, "precision": "bf16", "rows": rows}))


def _largest(size: float, start: float, each: float, settings: dict[str, Any]) -> int:
    """The most crops that fit: by a line, then made sure of, for with more crops other moments may be the fullest."""
    room = (size - CONTEXT) / (1 + RESERVE)
    batch = max(0, int((room - start) / each))
    while batch and peak(batch=batch, **settings)[1] > room:
        batch -= 1
    return batch


if __name__ == "__main__":
    main()
