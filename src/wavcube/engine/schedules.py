"""Learning rates over a run."""

import math


def learning_rate_factor(step: int, warmup: int, steps: int, final: float = 0.0) -> float:
    """Share of the peak learning rate for update number `step` (from 0).

    Linear from 1 / warmup to 1 over `warmup` updates, then half a cosine down to `final` at update `steps`.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
