"""The training loop, for every task, on one device or many. Read it from top to bottom.

    one process      wavcube train stage1 --recipe recipes/wavcube.yaml --from ENCODER --out RUN
    one node         torchrun --nproc-per-node 8 -m wavcube train stage1 ...
    many nodes       torchrun --nnodes 4 --nproc-per-node 8 --rdzv-backend c10d \
                         --rdzv-endpoint HOST:29500 -m wavcube train stage1 ...

A step is one update of the generator. It makes one forward pass of the networks; the discriminators learn from its
output first, and then score it for the networks' own loss.
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW

from wavcube.data.streaming import Batch, SpeechLoader, build_loader
from wavcube.engine.checkpoints import (
    Counters,
    TrainerState,
    checkpoint_bytes,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from wavcube.engine.ema import WeightAverage
from wavcube.engine.fabric import keep_fewer_activations, make_fabric, reduce
from wavcube.engine.logger import RunLogger
from wavcube.engine.preemption import SignalHandler
from wavcube.engine.run_dir import begin_session, check_space
from wavcube.engine.schedules import learning_rate_factor
from wavcube.engine.throughput import ThroughputMeter
from wavcube.errors import WavCubeError
from wavcube.training.config import TrainConfig
from wavcube.training.discriminators import DiscriminatorOutput
from wavcube.training.latent_statistics import LatentStatistics
from wavcube.training.tasks import build_objective
from wavcube.training.validation import HeldOut


class DivergedError(WavCubeError):
    """Gradients that stayed without finite values: nothing more can be learnt from here."""


def train(config: TrainConfig, folder: Path) -> bool:
    """Train a run in its folder, from its newest checkpoint if it has one, to its last step.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint.

    Raises:
        WavCubeError: what the user can mend, before anything long has begun where that is possible.
        DivergedError: too many steps in a row had no finite gradients.
    """
    # Processes, devices, precision.
    fabric = make_fabric(config.hardware)
    fabric.launch()
    rates, run = config.optimizer, config.run
    checkpoint = latest_checkpoint(folder / "checkpoints")

    # Networks: all processes begin with the same weights.
    torch.manual_seed(run.seed)
    objective = build_objective(config, checkpoint)
    discriminator = objective.discriminator
    if config.hardware.checkpoint_activations:
        keep_fewer_activations(objective.networks)
    if config.hardware.compile:
        objective.networks.compile()
        if discriminator is not None:
            discriminator.compile()
    objective.to(fabric.device)
    networks = fabric.setup_module(objective.networks).train()

    # Optimisers. The discriminators are small next to the networks and the same on every process: their gradients are
    # averaged by hand, so that they can be used twice a step, and with sharded networks, without a wrapper's rules.
    trained = [p for p in objective.networks.parameters() if p.requires_grad]
    betas = (rates.betas[0], rates.betas[1])
    make_optimizer = functools.partial(AdamW, betas=betas, weight_decay=rates.weight_decay, fused=True)
    optimizer = make_optimizer(trained, lr=rates.lr)
    discriminator_parameters = [] if discriminator is None else list(discriminator.parameters())
    discriminator_optimizer = (
        make_optimizer(discriminator_parameters, lr=rates.discriminator_lr) if discriminator_parameters else None
    )
    average = WeightAverage(objective.networks, rates.ema) if rates.ema else None

    # Data, and everything that can go wrong with it or with the disk, before hours are lost.
    crop_samples = round(config.loader.crop_seconds * 16_000)
    loader = build_loader(
        config.data,
        crop_samples=crop_samples,
        batch_size=config.loader.batch_size,
        seed=run.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        workers=config.loader.workers,
        train=True,
    )
    held_out = HeldOut(config, fabric)
    statistics = LatentStatistics(config, fabric)
    state = TrainerState(objective, optimizer, discriminator_optimizer, average, loader, Counters())
    if fabric.is_global_zero:
        begin_session(folder, config, {"processes": fabric.world_size, "device": str(fabric.device)})
        check_space(folder, checkpoint_bytes(state), run.keep)

    # Where to begin. Dropout differs between processes.
    torch.manual_seed(run.seed * 10_007 + 1 + fabric.global_rank)
    if checkpoint is not None:
        load_checkpoint(fabric, checkpoint, state)
    counters, batches = state.counters, endless(loader)
    run_logger = RunLogger(folder, counters.step, rates.steps, active=fabric.is_global_zero)
    meter = ThroughputMeter(fabric, crop_samples / 16_000 * config.loader.batch_size)

    def discriminate(waveform: Tensor) -> dict[str, list[DiscriminatorOutput]]:
        assert discriminator is not None
        with fabric.autocast():
            return discriminator(waveform)

    def validate() -> float | None:
        """Measure, show, and return the value that chooses the best checkpoint."""
        with ExitStack() as stack:
            if average is not None:
                stack.enter_context(average.in_networks())
            stack.enter_context(torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []))
            result = held_out.measure(fabric, networks, objective)
        measures = {f"validation/{name}": value for name, value in result.measures.items()}
        run_logger.scalars(counters.step, measures)
        run_logger.clips(counters.step, result.shown)
        run_logger.message(
            f"step {counters.step} " + ", ".join(f"{name} {value:.4g}" for name, value in measures.items())
        )
        return result.measures.get(config.validation.best_by)

    def save(best: bool) -> None:
        measured = statistics.of(fabric, networks, objective, average)
        found = {config.validation.best_by: counters.best} if best and counters.best is not None else None
        save_checkpoint(fabric, folder / "checkpoints", state, measured, keep=run.keep, best=found)
        run_logger.plot_now_and_then()

    with run_logger, SignalHandler() as signals:
        if counters.step == 0 and config.validation.every:
            counters.best = validate()

        while counters.step < rates.steps:
            step = counters.step
            train_discriminator = discriminator is not None and step >= objective.discriminator_start_step
            adversarial = train_discriminator and step >= objective.adversarial_start_step
            set_rate(optimizer, rates.lr * learning_rate_factor(step, rates.warmup, rates.steps, rates.final_lr))

            # Gradients of one step, over as many batches as it takes.
            for part in range(rates.accumulate):
                last = part == rates.accumulate - 1
                with meter.waiting():
                    batch: Batch = next(batches)
                    batch = batch.to(fabric.device, non_blocking=True)
                with fabric.no_backward_sync(networks, enabled=not last):
                    output = networks(**objective.inputs(batch))
                    if train_discriminator:
                        discriminator_loss, logs = objective.discriminator_loss(batch, output, discriminate)
                        (discriminator_loss / rates.accumulate).backward()
                        meter.add(logs)
                        if last:
                            discriminator_norm = step_discriminator(fabric, state, config)
                            meter.add({"gradient/discriminator": discriminator_norm})
                        for p in discriminator_parameters:
                            p.requires_grad_(False)  # they pass gradients on to the waveform and need none themselves
                    loss, logs = objective.generator_loss(batch, output, discriminate if adversarial else None)
                    fabric.backward(loss / rates.accumulate)
                    for p in discriminator_parameters:
                        p.requires_grad_(True)
                meter.add({"loss": loss.detach(), **logs})

            # The update, unless a gradient is not finite. The norm is of all processes, so all decide alike.
            norm = gradient_norm(trained, rates.clip)
            finite = bool(torch.isfinite(norm))
            finite = finite and (not train_discriminator or bool(torch.isfinite(discriminator_norm)))
            if finite:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if not finite:
                counters.nonfinite_steps += 1
                counters.nonfinite_in_a_row += 1
                meter.forget()
                if counters.nonfinite_in_a_row >= run.stop_after_nonfinite:
                    raise diverged(counters, folder)
                continue
            if average is not None:
                average.update()
            counters.step, counters.nonfinite_in_a_row = step + 1, 0
            meter.add({"gradient/generator": norm})

            # Logs, validation, checkpoint.
            run_logger.advance(counters.step)
            ended = counters.step == rates.steps
            stopped = any_process(fabric, signals.stop_requested)
            if counters.step % run.log_every == 0 or ended:
                rate = optimizer.param_groups[0]["lr"]
                run_logger.scalars(counters.step, *meter.report(rate, counters.nonfinite_steps, loader.bad_files.bad))
            better = False
            if config.validation.every and (counters.step % config.validation.every == 0 or ended) and not stopped:
                value = validate()
                better = value is not None and (counters.best is None or value < counters.best)
                counters.best = value if better else counters.best
            if better or ended or stopped or counters.step % run.save_every == 0:
                save(best=better)
                meter.restart()
            if stopped and not ended:
                run_logger.message(f"stopped at step {counters.step}; its checkpoint is written, go on with --resume")
                return False

        newest = latest_checkpoint(folder / "checkpoints")
        if fabric.is_global_zero and newest is not None:
            objective.export(newest, folder / "model")
    fabric.barrier()
    return True


def endless(loader: SpeechLoader) -> Iterator[Batch]:
    """Batches; starting worker processes draws random numbers, which here does not move on those of training."""
    iterator = iter(loader)
    with torch.random.fork_rng([]):
        first = next(iterator)
    yield first
    yield from iterator


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def step_discriminator(fabric: Fabric, state: TrainerState, config: TrainConfig) -> Tensor:
    """Average the discriminators' gradients over processes, update if they are finite, and return their norm."""
    rates, step = config.optimizer, state.counters.step
    optimizer = state.discriminator_optimizer
    assert optimizer is not None
    assert state.objective.discriminator is not None
    parameters = list(state.objective.discriminator.parameters())
    if fabric.world_size > 1:
        for p in parameters:
            if p.grad is not None:
                p.grad.copy_(reduce(fabric, p.grad, "mean"))
    norm = gradient_norm(parameters, rates.clip)
    if torch.isfinite(norm):
        factor = learning_rate_factor(step, rates.warmup, rates.steps, rates.final_lr)
        since = step - state.objective.discriminator_start_step
        if since < rates.discriminator_warmup:
            factor = min(factor, (since + 1) / rates.discriminator_warmup)
        set_rate(optimizer, rates.discriminator_lr * factor)
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


def gradient_norm(parameters: list[nn.Parameter], clip: float) -> Tensor:
    """The norm of all gradients, which are scaled down to `clip` where that is above 0 and exceeded."""
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip if clip > 0 else float("inf"))
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def any_process(fabric: Fabric, stop_requested: bool) -> bool:
    """Whether any process wants it: signals do not reach all in the same step."""
    if fabric.world_size == 1:
        return stop_requested
    flag = torch.tensor(float(stop_requested), device=fabric.device)
    return bool(reduce(fabric, flag, "max"))


def diverged(counters: Counters, folder: Path) -> DivergedError:
    newest = latest_checkpoint(folder / "checkpoints")
    good = f"the last good checkpoint is {newest}" if newest is not None else "there is no checkpoint yet"
    return DivergedError(
        f"{counters.nonfinite_in_a_row} steps in a row after step {counters.step} had gradients that are not finite; "
        f"{good}. Lower optimizer.lr or set optimizer.clip (1.0, say), look for damaged recordings and use float32"
    )
