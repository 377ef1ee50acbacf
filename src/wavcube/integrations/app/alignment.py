"""How far two sequences of latents are from each other where their frames are aligned."""

import numpy as np


def aligned_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared difference of frames [T, C] and [U, C] along the path of dynamic time warping with the least sum.

    Zero for equal sequences, 2 on average for unrelated ones of unit variance. Of equal lengths and without warping it
    is what `wavcube.losses.LatentDistance` measures.
    """
    cost = np.square(one).mean(1)[:, None] + np.square(other).mean(1) - 2 * one @ other.T / one.shape[1]
    total, steps = _least(np.maximum(cost, 0.0))
    return total / steps


def _least(cost: np.ndarray) -> tuple[float, int]:
    """Sum and number of steps of the best path through costs [T, U] from corner to corner, by anti-diagonals."""
    rows, columns = cost.shape
    # Position i + 1 of an anti-diagonal is row i; infinity stands before the first row.
    before, last = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)
    steps_before, steps_last = np.zeros(rows + 1, np.int64), np.zeros(rows + 1, np.int64)
    before[0] = 0.0  # from where the first frame comes
    for diagonal in range(rows + columns - 1):
        low, high = max(0, diagonal - columns + 1), min(rows, diagonal + 1)
        i = np.arange(low, high)
        sums = np.stack([before[i], last[i], last[i + 1]])
        steps = np.stack([steps_before[i], steps_last[i], steps_last[i + 1]])
        best = sums.argmin(0)
        picked = np.arange(len(i))
        now, steps_now = np.full(rows + 1, np.inf), np.zeros(rows + 1, np.int64)
        now[i + 1] = sums[best, picked] + cost[i, diagonal - i]
        steps_now[i + 1] = steps[best, picked] + 1
        before, last, steps_before, steps_last = last, now, steps_last, steps_now
    return float(last[rows]), int(steps_last[rows])
