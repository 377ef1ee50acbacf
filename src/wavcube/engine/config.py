"""Settings that every task's training has: optimiser, adversarial part, run and hardware."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wavcube.errors import ConfigError


@dataclass
class OptimizerConfig:
    """AdamW, its learning rate over the run, and the length of training.

    Attributes:
        steps: updates in all.
        lr: peak learning rate.
        betas, weight_decay: of AdamW.
        warmup: updates of linear warm-up to the peak; a run that is no longer than that gets a tenth of its steps.
        schedule: what follows: cosine, down to `final_lr` (a share of the peak) at `steps`; or linear, down to 0, with
            the warm-up from 0 (engine/schedules.py).
        clip: gradients are scaled down to this norm, those of discriminators too; 0 for not at all.
        accumulate: batches to one update.
        ema: decay of the moving average of the weights, which is then validated and exported; 0 for none.
        fused: one kernel for all weights: faster, rounded differently.
    """

    steps: int = 100_000
    lr: float = 1e-4
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    weight_decay: float = 0.01
    warmup: int = 0
    schedule: str = "cosine"
    final_lr: float = 0.0
    clip: float = 0.0
    accumulate: int = 1
    ema: float = 0.0
    fused: bool = True


@dataclass
class AdversarialConfig:
    """How discriminators train beside the networks.

    Attributes:
        adversarial_start_step: step from which they take part in the networks' loss.
        pretraining_steps: steps for which they train before that.
        lr: their peak learning rate; the schedule is the networks'.
        warmup: steps of linear warm-up from where they start.
    """

    adversarial_start_step: int = 0
    pretraining_steps: int = 0
    lr: float = 1e-4
    warmup: int = 0

    @property
    def start_step(self) -> int:
        """Step from which they train."""
        return self.adversarial_start_step - self.pretraining_steps


@dataclass
class RunConfig:
    """Logs, checkpoints and guards.

    Attributes:
        seed: of weights, dropout and data order.
        log_every: steps to one line of logs.
        save_every: steps from one checkpoint to the next; the best and the last are kept as well.
        keep: so many of the newest checkpoints stay.
        stop_after_nonfinite: so many steps in a row without finite gradients end the run.
    """

    seed: int = 0
    log_every: int = 50
    save_every: int = 5000
    keep: int = 3
    stop_after_nonfinite: int = 20


@dataclass
class HardwareConfig:
    """Where and how it runs; nothing here changes what is computed, but for rounding.

    Attributes:
        accelerator: auto, cpu, cuda or mps.
        devices: of this machine; 0 for all.
        nodes: machines.
        strategy: auto (one process alone, several with ddp), ddp, or fsdp (weights and optimiser sharded, FSDP2).
        precision: float32 or bf16 (autocast; weights stay float32).
        compile: torch.compile of networks and discriminators.
        checkpoint_activations: transformer layers are computed twice and their activations not kept.
    """

    accelerator: str = "auto"
    devices: int = 0
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "float32"
    compile: bool = False
    checkpoint_activations: bool = False


@dataclass
class FitConfig:
    """What the loop needs of a task's configuration, which has more groups."""

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)


def fit_warmup(config: FitConfig) -> str | None:
    """Shorten a warm-up that would last for the whole run, as in trials of a long recipe; the result says so."""
    optimizer = config.optimizer
    if optimizer.warmup < optimizer.steps:
        return None
    before, optimizer.warmup = optimizer.warmup, optimizer.steps // 10
    return (
        f"optimizer.warmup is {before} and the run has {optimizer.steps} steps: it warms up for {optimizer.warmup}, so "
        "that it reaches its learning rate"
    )


def require(*checks: tuple[bool, str]) -> None:
    """Raise a `ConfigError` with the message of the first check that fails."""
    for holds, message in checks:
        if not holds:
            raise ConfigError(message)


def check_fit(config: FitConfig) -> None:
    """Raise a `ConfigError` that names the first impossible value."""
    optimizer, hardware = config.optimizer, config.hardware
    for name, value in _floats(dataclasses.asdict(config)):
        require((not math.isnan(value), f"{name} is {value}; give a number"))
    require(
        (optimizer.steps > 0, f"optimizer.steps is {optimizer.steps}; it must be above 0"),
        (optimizer.warmup >= 0, f"optimizer.warmup is {optimizer.warmup}; it must be 0 or more"),
        (0 < optimizer.lr < math.inf, f"optimizer.lr is {optimizer.lr}; it must be above 0, and finite"),
        (len(optimizer.betas) == 2, f"optimizer.betas has {len(optimizer.betas)} values; it takes two"),
        (
            optimizer.schedule in ("cosine", "linear"),
            f"optimizer.schedule is {optimizer.schedule!r}; there are cosine and linear",
        ),
        (optimizer.accumulate > 0, f"optimizer.accumulate is {optimizer.accumulate}; it must be 1 or more"),
        (
            math.isfinite(optimizer.weight_decay + optimizer.clip + optimizer.final_lr + sum(optimizer.betas)),
            "optimizer: weight_decay, clip, final_lr and betas must be finite",
        ),
        (0 <= optimizer.ema < 1, f"optimizer.ema is {optimizer.ema}; it lies from 0 to below 1"),
        (
            hardware.precision in ("float32", "bf16"),
            f"hardware.precision is {hardware.precision!r}; there are float32 and bf16",
        ),
        (
            hardware.strategy in ("auto", "ddp", "fsdp"),
            f"hardware.strategy is {hardware.strategy!r}; there are auto, ddp and fsdp",
        ),
    )
    for name in ("log_every", "save_every", "keep", "stop_after_nonfinite"):
        if getattr(config.run, name) < 1:
            raise ConfigError(f"run.{name} is {getattr(config.run, name)}; it must be 1 or more")


def _floats(values: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """All floats of nested settings, with their dotted names."""
    if isinstance(values, float):
        yield name, values
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield from _floats(value, f"{name}.{key}" if name else str(key))
