"""The training loop, for every task, on one device or many. Read it from top to bottom.

    one process      wavcube train stage1 --recipe recipes/wavcube.yaml --from ENCODER --out RUN
    one node         torchrun --nproc-per-node 8 -m wavcube train stage1 ...
    many nodes       torchrun --nnodes 4 --nproc-per-node 8 --rdzv-backend c10d \
                         --rdzv-endpoint HOST:29500 -m wavcube train stage1 ...

A step is one update of the networks. It makes one forward pass of them for each batch; discriminators, where a task has
any, learn from its output first, and then score it for the networks' own loss.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric

from wavcube.data.workers import dead_worker
from wavcube.engine.checkpoints import (
    Counters,
    TrainerState,
    checkpoint_bytes,
    load_checkpoint,
    save_checkpoint,
)
from wavcube.engine.discriminator import DiscriminatorTrainer
from wavcube.engine.ema import WeightAverage
from wavcube.engine.fabric import keep_fewer_activations, make_fabric, reduce
from wavcube.engine.lock import lock_run
from wavcube.engine.logger import RunLogger
from wavcube.engine.optimizer import apply_settings, gradient_norm, make_optimizer, set_rate
from wavcube.engine.preemption import SignalHandler
from wavcube.engine.run_dir import Run, begin_session, check_space, finished_step, note_finished
from wavcube.engine.schedules import learning_rate_factor
from wavcube.engine.throughput import ThroughputMeter
from wavcube.engine.trainable import Batches, Trainable, Validation
from wavcube.errors import ConfigError, WavCubeError
from wavcube.run_layout import CHECKPOINTS, MODEL, latest_checkpoint

Build = Callable[[Fabric, Path | None], Trainable]
"""Makes what a run trains, from its newest checkpoint or, with None, from what its settings name."""


class DivergedError(WavCubeError):
    """Gradients that stayed without finite values: nothing more can be learnt from here."""


def fit(run: Run[Any], build: Build) -> bool:
    """Train a run in its folder, from its newest checkpoint if it has one, to its last step.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint.

    Raises:
        WavCubeError: what the user can mend, before anything long has begun where that is possible.
        DivergedError: too many steps in a row had no finite gradients.
    """
    fabric = make_fabric(run.config.hardware)
    fabric.launch()
    folder, steps = run.folder, run.config.optimizer.steps
    with lock_run(folder) if fabric.is_global_zero else nullcontext():
        checkpoint = latest_checkpoint(folder / CHECKPOINTS)
        reached = 0 if checkpoint is None else int(checkpoint.name.removeprefix("step-"))
        if reached > steps:
            raise ConfigError(f"{folder}: has taken {reached} steps already; optimizer.steps={steps} is below that")
        if reached == steps and finished_step(folder) == steps:
            if fabric.is_global_zero:
                print(
                    f"{folder}: is finished, after {steps} steps; the result is {folder / MODEL}. To train on: "
                    f"--resume --set optimizer.steps={2 * steps}",
                    file=sys.stderr,
                )
            return True
        try:
            return _train(fabric, run, build, checkpoint)
        except RuntimeError as error:  # torch reports a dead worker wherever it finds the process: in backward, too
            death = dead_worker(error)
            if death is None:
                raise
            raise death from error


def _train(fabric: Fabric, session: Run[Any], build: Build, checkpoint: Path | None) -> bool:
    config, folder = session.config, session.folder
    rates, run = config.optimizer, config.run

    # Networks and data: all processes begin with the same weights. What can go wrong with the data goes wrong here.
    torch.manual_seed(run.seed)
    task = build(fabric, checkpoint)
    objective = task.objective
    if config.hardware.checkpoint_activations:
        keep_fewer_activations(objective.networks)
    if config.hardware.compile:
        objective.networks.compile(dynamic=objective.dynamic_shapes or None)
        if objective.discriminator is not None:
            objective.discriminator.compile()
    objective.to(fabric.device)
    networks = fabric.setup_module(objective.networks).train()

    # Optimisers, and whether the disk can take their state.
    trained = [p for p in objective.networks.parameters() if p.requires_grad]
    optimizer = make_optimizer(trained, rates, rates.lr)
    discriminators = DiscriminatorTrainer(fabric, objective, rates)
    average = WeightAverage(objective.networks, rates.ema) if rates.ema else None
    state = TrainerState(objective, optimizer, discriminators.optimizer, average, task.batches, Counters())
    if fabric.is_global_zero:
        check_space(folder, checkpoint_bytes(state), run.keep)

    # Where to begin. Dropout and other chances differ between processes.
    torch.manual_seed(run.seed * 10_007 + 1 + fabric.global_rank)
    if checkpoint is not None:
        session.changed += load_checkpoint(fabric, checkpoint, state)
        for one in (optimizer, discriminators.optimizer):
            if one is not None:
                apply_settings(one, rates)
    if fabric.is_global_zero:
        facts = {"processes": fabric.world_size, "device": str(fabric.device), "data": task.data}
        begin_session(session, {name: fact for name, fact in facts.items() if fact})
    counters, batches = state.counters, endless(task.batches)
    run_logger = RunLogger(folder, counters.step, rates.steps, active=fabric.is_global_zero)
    meter = ThroughputMeter(fabric, task.batch_seconds)

    def validate(due: list[Validation]) -> dict[str, float]:
        """Measure, show, and return the value that chooses the best checkpoint, by name, if there is one."""
        chosen: dict[str, float] = {}
        with ExitStack() as stack:
            if average is not None:
                stack.enter_context(average.in_networks())
            stack.enter_context(torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []))
            stack.enter_context(torch.no_grad())
            networks.eval()
            for validation in due:
                found = validation.measure(networks, counters.step)
                run_logger.measured(counters.step, found)
                if found.best_by in found.values:
                    chosen = {found.best_by.rpartition("/")[2]: found.values[found.best_by]}
            networks.train()
        fabric.barrier()
        return chosen

    def save(best: dict[str, float] | None) -> None:
        with nullcontext() if average is None else average.in_networks(), torch.no_grad():
            networks.eval()
            objective.before_saving(networks)
            networks.train()
        save_checkpoint(fabric, folder / CHECKPOINTS, state, keep=run.keep, best=best)
        run_logger.plot_now_and_then()

    with run_logger, SignalHandler() as signals:
        if task.data:
            run_logger.message(f"training on {task.data}")
        for line in session.changed:
            run_logger.message(f"changed since it last ran: {line}")
        if counters.step == 0 and (due := [v for v in task.validations if v.every and v.at_start]):
            counters.best = min(validate(due).values(), default=None)

        while counters.step < rates.steps:
            step = counters.step
            adversarial = discriminators.trains(step)
            set_rate(optimizer, rates.lr * learning_rate_factor(rates, step))

            # Gradients of one step, over as many batches as it takes.
            for part in range(rates.accumulate):
                last = part == rates.accumulate - 1
                with meter.waiting():
                    batch = next(batches).to(fabric.device, non_blocking=True)
                with fabric.no_backward_sync(networks, enabled=not last):
                    output = networks(**objective.inputs(batch))
                    if adversarial:
                        meter.add(discriminators.learn(batch, output))
                        if last:
                            discriminator_norm = discriminators.update(step)
                            meter.add({"gradient/discriminator": discriminator_norm})
                    with discriminators.frozen():
                        loss, logs = objective.loss(batch, output, discriminators.function(step))
                        fabric.backward(loss / rates.accumulate)
                meter.add({"loss": loss.detach(), **logs})

            # The update, unless a gradient is not finite. The norm is of all processes, so all decide alike.
            norm = gradient_norm(trained, rates.clip)
            finite = bool(torch.isfinite(norm))
            finite = finite and (not adversarial or bool(torch.isfinite(discriminator_norm)))
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
            meter.add({"gradient/norm": norm})

            # Logs, validation, checkpoint.
            run_logger.advance(counters.step)
            ended = counters.step == rates.steps
            stopped = any_process(fabric, signals.stop_requested)
            if counters.step % run.log_every == 0 or ended:
                rate = optimizer.param_groups[0]["lr"]
                run_logger.scalars(counters.step, *meter.report(rate, counters.nonfinite_steps, task.bad_recordings()))
            better = None
            due = [v for v in task.validations if v.every and (ended or counters.step % v.every == 0)]
            if due and not stopped:
                for name, value in validate(due).items():
                    if counters.best is None or value < counters.best:
                        better, counters.best = {name: value}, value
            if better is not None or ended or stopped or counters.step % run.save_every == 0:
                save(best=better)
                meter.restart()
            if stopped and not ended:
                run_logger.message(f"stopped at step {counters.step}; its checkpoint is written, go on with --resume")
                return False

        newest = latest_checkpoint(folder / CHECKPOINTS)
        if fabric.is_global_zero and newest is not None:
            objective.export(newest, folder / MODEL)
            note_finished(folder, counters.step)
        run_logger.message(f"finished after {counters.step} steps; the result is {folder / MODEL}")
    fabric.barrier()
    return True


def endless(batches: Batches) -> Iterator[Any]:
    """Batches; starting worker processes draws random numbers, which here does not move on those of training."""
    iterator = iter(batches)
    with torch.random.fork_rng([]):
        first = next(iterator)
    yield first
    yield from iterator


def any_process(fabric: Fabric, stop_requested: bool) -> bool:
    """Whether any process is asked to stop: signals do not reach all in the same step."""
    if fabric.world_size == 1:
        return stop_requested
    flag = torch.tensor(float(stop_requested), device=fabric.device)
    return bool(reduce(fabric, flag, "max"))


def diverged(counters: Counters, folder: Path) -> DivergedError:
    newest = latest_checkpoint(folder / CHECKPOINTS)
    good = f"the last good checkpoint is {newest}" if newest is not None else "there is no checkpoint yet"
    return DivergedError(
        f"{counters.nonfinite_in_a_row} steps in a row after step {counters.step} had gradients that are not finite; "
        f"{good}. Lower optimizer.lr or set optimizer.clip (1.0, say), look for damaged recordings and use float32"
    )
