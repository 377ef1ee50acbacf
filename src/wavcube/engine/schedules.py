"""Learning rates over a run, as shares of the peak."""

import math

from wavcube.engine.config import OptimizerConfig


def learning_rate_factor(config: OptimizerConfig, step: int) -> float:
    """Share of the peak learning rate for update number `step` (from 0), by the schedule of the settings."""
    if config.schedule == "linear":
        return linear(step, config.warmup, config.steps)
    return cosine(step, config.warmup, config.steps, config.final_lr)


def cosine(step: int, warmup: int, steps: int, final: float = 0.0) -> float:
    """Linear from 1 / warmup to 1 over `warmup` updates, then half a cosine down to `final` at update `steps`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))


def linear(step: int, warmup: int, steps: int) -> float:
    """Linear from 0 to 1 over `warmup` updates, then down to 0 at update `steps`; never below 1e-8 (as in F5-TTS)."""
    if step < warmup:
        return max(1e-8, step / warmup)
    return max(1e-8, (steps - step) / (steps - warmup))
