"""Checkpoints of a run: a folder each, whole or absent, that users load and that training goes on from.

checkpoints/step-00005000/
    config.json, model.safetensors   what `WavCube.from_pretrained` loads (the average of the weights, if one is kept)
    trainer/networks.safetensors     the weights that train, where an average is kept beside them
    trainer/discriminator.safetensors
    trainer/optimizers.pt            state of both optimisers
    trainer/rank-00000.pt            random numbers and position in the data, a file a process
    trainer/state.json               counters
checkpoints/best.json                which step was best, and by what
"""

import json
import os
import shutil
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.optim import Optimizer

from wavcube.configuration.aliases import COUNTERS, with_new_names
from wavcube.engine.ema import WeightAverage
from wavcube.errors import CheckpointError, DataError
from wavcube.files import atomic_path, follow_umask
from wavcube.run_layout import STATE

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from wavcube.engine.trainable import Batches, Objective

NETWORKS, DISCRIMINATOR = "trainer/networks.safetensors", "trainer/discriminator.safetensors"
OPTIMIZERS = "trainer/optimizers.pt"

# Whole tensors on the CPU of the first process, however they are sharded.
_FULL = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass
class Counters:
    """Where a run stands.

    Attributes:
        step: updates of the generator so far.
        nonfinite_steps: steps passed over because a gradient was not finite; `nonfinite_in_a_row` of them just now.
        best: lowest value of the measure that chooses the best checkpoint; None before the first validation.
        processes: how many processes wrote the checkpoint.
    """

    step: int = 0
    nonfinite_steps: int = 0
    nonfinite_in_a_row: int = 0
    best: float | None = None
    processes: int = 1


@dataclass
class TrainerState:
    """Everything that a checkpoint holds and the loop changes."""

    objective: "Objective"
    optimizer: Optimizer
    discriminator_optimizer: Optimizer | None
    average: WeightAverage | None
    batches: "Batches"
    counters: Counters = field(default_factory=Counters)


def save_checkpoint(
    fabric: "Fabric",
    folder: Path,
    state: TrainerState,
    *,
    keep: int,
    best: dict[str, float] | None,
) -> Path:
    """Write the state as `folder`/step-N; every process has to call this.

    Args:
        folder: the run's checkpoints folder.
        keep: so many of the newest stay, and the best one.
        best: the value, by name, that makes this step the best so far; None if it is not.

    Raises:
        CheckpointError: it could not be written, for example because the disk is full; earlier ones are untouched.
    """
    step = state.counters.step
    final, partial = folder / f"step-{step:08d}", folder / f".partial-step-{step:08d}"
    try:
        if fabric.is_global_zero:
            for stale in folder.glob(".partial-*"):
                shutil.rmtree(stale)
            (partial / "trainer").mkdir(parents=True)
        fabric.barrier()
        torch.save(_process_state(fabric, state.batches), partial / _rank_file(fabric.global_rank))
        _write(fabric, partial, state)
        fabric.barrier()
        if fabric.is_global_zero:
            if final.exists():  # the same step again, after a resumed run was interrupted at once
                shutil.rmtree(final)
            os.replace(partial, final)
            if best is not None:
                with atomic_path(folder / "best.json") as temporary:
                    temporary.write_text(json.dumps({"step": step, **best}, indent=1) + "\n")
            _prune(folder, keep)
        fabric.barrier()
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"{final}: the checkpoint could not be written ({error}); free some space, then go on with --resume"
        ) from error
    return final


def load_checkpoint(fabric: "Fabric", checkpoint: Path, state: TrainerState) -> list[str]:
    """Take up training where `checkpoint` left it; the objective must have been built from it already.

    Random numbers are restored as well, so nothing that draws any may come between this and the next step.

    Returns:
        What is not as it was, a line each: other data, another number of processes.

    Raises:
        CheckpointError: it is damaged, or of another kind of model.
    """
    notes: list[str] = []
    try:
        values = json.loads((checkpoint / STATE).read_text())
        counters = Counters(**with_new_names(values, COUNTERS, str(checkpoint / STATE), warn=False))
        networks = state.objective.networks
        if state.average is not None:
            # The objective was built from the average. It was copied from there; now the networks get their own.
            state.average.updates = counters.step
            own: dict[str, Any] = load_file(checkpoint / NETWORKS)
            set_model_state_dict(networks, own, options=StateDictOptions(full_state_dict=True, strict=False))
        optimizers = _unpickled(checkpoint / OPTIMIZERS)
        set_optimizer_state_dict(
            networks, state.optimizer, optimizers["networks"], options=StateDictOptions(full_state_dict=True)
        )
        if state.objective.discriminator is not None and state.discriminator_optimizer is not None:
            state.objective.discriminator.load_state_dict(load_file(checkpoint / DISCRIMINATOR))
            state.discriminator_optimizer.load_state_dict(optimizers["discriminator"])
        same = counters.processes == fabric.world_size
        saved = _unpickled(checkpoint / _rank_file(fabric.global_rank if same else 0))
        random, position = saved["random"], saved["loader"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(
            f"{checkpoint}: training cannot go on from it ({reason}); delete it to go on from the one before"
        ) from error
    state.counters = counters
    try:
        state.batches.load_state_dict(position)
    except DataError as error:
        notes.append(f"{state.batches.go_on_with_other_data(position)} ({error})")
    if same:
        _set_random_state(random, fabric.device)
    else:
        notes.append(f"processes: {counters.processes} -> {fabric.world_size}, with new random numbers")
    return notes


def _unpickled(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except OSError:
        raise
    except Exception as error:  # of damaged bytes anything may come
        raise ValueError(f"{path.name} is damaged: {type(error).__name__}") from error


def checkpoint_bytes(state: TrainerState) -> int:
    """About how large a checkpoint is: weights, what trains of them again beside an average, two moments of AdamW."""

    def size(tensors: Any) -> int:
        return sum(tensor.numel() * 4 for tensor in tensors)

    networks, discriminator = state.objective.networks, state.objective.discriminator
    training = size(p for p in networks.parameters() if p.requires_grad)
    total = size(networks.parameters()) + (3 if state.average is not None else 2) * training
    return total + (0 if discriminator is None else 3 * size(discriminator.parameters()))


def _write(fabric: "Fabric", folder: Path, state: TrainerState) -> None:
    """What the first process writes; the others take part in gathering it."""
    objective, average, first = state.objective, state.average, fabric.is_global_zero
    if average is not None:
        own = _whole_weights(objective)
        if first:
            save_file({name: own[name] for name in average.values}, folder / NETWORKS)
            follow_umask(folder / NETWORKS)
    # Gathered weights may be the networks' own memory: they are written while the average is in there.
    with nullcontext() if average is None else average.in_networks():
        weights = _whole_weights(objective)
        if first:
            objective.save(folder, weights)
    optimizers = {"networks": get_optimizer_state_dict(objective.networks, state.optimizer, options=_FULL)}
    if not first:
        return
    if objective.discriminator is not None and state.discriminator_optimizer is not None:
        save_file(objective.discriminator.state_dict(), folder / DISCRIMINATOR)
        follow_umask(folder / DISCRIMINATOR)
        optimizers["discriminator"] = state.discriminator_optimizer.state_dict()
    torch.save(optimizers, folder / OPTIMIZERS)
    state.counters.processes = fabric.world_size
    (folder / STATE).write_text(json.dumps(asdict(state.counters)) + "\n")


def _whole_weights(objective: "Objective") -> dict[str, Tensor]:
    """Weights and buffers of the networks by name; empty on all but the first process where they are sharded."""
    state = get_model_state_dict(objective.networks, options=_FULL)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    # What is gathered from shards may share one buffer, which safetensors refuses.
    return {
        name: value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
        for name, value in tensors.items()
    }


def _prune(folder: Path, keep: int) -> None:
    whole = sorted(folder.glob("step-*"))
    best = folder / "best.json"
    spared = f"step-{json.loads(best.read_text())['step']:08d}" if best.is_file() else ""
    for old in whole[:-keep]:
        if old.name != spared:
            shutil.rmtree(old)


def _rank_file(rank: int) -> str:
    return f"trainer/rank-{rank:05d}.pt"


def _process_state(fabric: "Fabric", batches: "Batches") -> dict[str, Any]:
    random = {"cpu": torch.get_rng_state()}
    if fabric.device.type != "cpu":
        random[fabric.device.type] = torch.get_device_module(fabric.device).get_rng_state()
    return {"random": random, "loader": batches.state_dict()}


def _set_random_state(random: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(random["cpu"])
    if device.type in random and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(random[device.type])
