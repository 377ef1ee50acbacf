"""How sure a figure is: percentile bootstrap over the items that it was measured on."""

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 1000


def bootstrap(
    measure: Callable[[np.ndarray], dict[str, float]], folds: Sequence[np.ndarray], resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """95 % intervals of figures (Efron 1979), the mean over folds where there are several.

    Items (recordings, trials, queries) are drawn with replacement. The interval therefore says what another test set of
    the same size from the same speakers could have given; it says nothing of another seed or other speakers.

    Args:
        measure: figures of outcomes [N, ...].
        folds: outcomes of each fold.
        resamples: how many draws.
    """
    rng = np.random.default_rng(0)
    draws: dict[str, list[float]] = {}
    for _ in range(resamples):
        metrics = [measure(outcomes[rng.integers(len(outcomes), size=len(outcomes))]) for outcomes in folds]
        for name in metrics[0]:
            draws.setdefault(name, []).append(float(np.mean([estimate[name] for estimate in metrics])))
    return {
        name: (float(np.nanpercentile(values, 2.5)), float(np.nanpercentile(values, 97.5)))
        for name, values in draws.items()
    }
