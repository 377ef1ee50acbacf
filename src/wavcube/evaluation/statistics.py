"""Bootstrap intervals, and paired comparisons of systems.

Everything is written for ratios of sums, sum(numerators) / sum(denominators), of which a mean is the case with
denominators of one and an error rate of a corpus the case with words. Utterances are resampled, or whole clusters of
them: utterances of one speaker are alike, and intervals that ignore it are too narrow for statements on new speakers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000
LARGEST_RESAMPLING = 50_000_000
"""Draws in all: above 5,000 utterances, where intervals are narrow anyway, there are fewer resamples."""


FEWEST_UNITS = 20
"""Utterances, or clusters, that a test of significance needs. The percentile bootstrap's intervals are too narrow below
(of 3 utterances that all differ one way it finds p = 0.0002), and Wilcoxon's test cannot reach 0.05 below 6."""


@dataclass(frozen=True)
class Estimate:
    """A quantity of one system over `count` utterances, with its bootstrap interval; `undefined` had no value."""

    value: float
    low: float
    high: float
    count: int
    undefined: int


TOO_FEW = "not tested"
"""`Comparison.test` of fewer than `FEWEST_UNITS`."""


@dataclass(frozen=True)
class Comparison:
    """A quantity of `system` minus that of `reference` over the `count` utterances that have both.

    Attributes:
        difference, low, high: with its bootstrap interval.
        p_value: two-sided, of no difference.
        p_holm: `p_value` corrected for all comparisons of the report (Holm, 1979).
        test: how `p_value` was found.
    """

    quantity: str
    system: str
    reference: str
    difference: float
    low: float
    high: float
    count: int
    p_value: float
    test: str
    p_holm: float = float("nan")


def estimate(
    numerators: np.ndarray, denominators: np.ndarray, clusters: np.ndarray | None = None, *, seed: int = 0
) -> Estimate:
    """Ratio of sums with its percentile bootstrap interval; NaN in either marks an undefined utterance.

    Args:
        numerators, denominators: `[utterances]`.
        clusters: `[utterances]`, labels of what is resampled as a whole; utterances by themselves if None.
        seed: of the resampling.
    """
    defined = ~(np.isnan(numerators) | np.isnan(denominators))
    count = int(defined.sum())
    undefined = len(defined) - count
    if count == 0 or denominators[defined].sum() == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), count, undefined)
    top, bottom = _by_cluster(defined, clusters, numerators, denominators)
    low, high = _interval(_ratio(*_resampled_sums((top, bottom), seed)))
    return Estimate(float(top.sum() / bottom.sum()), low, high, count, undefined)


def percentile_intervals(
    measure: Callable[[np.ndarray], dict[str, float]], folds: Sequence[np.ndarray], resamples: int = 1000
) -> dict[str, tuple[float, float]]:
    """95 % intervals of metrics that are no ratio of sums (Efron 1979); with several folds, of their mean over folds.

    Args:
        measure: metrics, by name, of outcomes [N, ...] of recordings, trials or queries.
        folds: outcomes of each fold; drawn with replacement within each.
        resamples: how many draws.
    """
    generator = np.random.default_rng(0)
    draws: dict[str, list[float]] = {}
    for _ in range(resamples):
        metrics = [measure(outcomes[generator.integers(len(outcomes), size=len(outcomes))]) for outcomes in folds]
        for name in metrics[0]:
            draws.setdefault(name, []).append(float(np.mean([found[name] for found in metrics])))
    return {
        name: (float(np.nanpercentile(values, 2.5)), float(np.nanpercentile(values, 97.5)))
        for name, values in draws.items()
    }


def compare(
    quantity: str,
    names: tuple[str, str],
    numerators: tuple[np.ndarray, np.ndarray],
    denominators: tuple[np.ndarray, np.ndarray],
    clusters: np.ndarray | None = None,
    *,
    is_mean: bool,
    seed: int = 0,
) -> Comparison:
    """Compare a system with a reference, utterance by utterance.

    The p-value of a mean is Wilcoxon's signed-rank test over utterances; with clusters, and for ratios of sums, it is
    that of the paired bootstrap: twice the smaller share of resampled differences on either side of zero.

    With fewer than `FEWEST_UNITS` utterances or clusters nothing is tested: the p-value is NaN.

    Args:
        quantity: its name.
        names: of system and reference.
        numerators, denominators: of system and reference, each `[utterances]` in the same order.
        clusters: as in `estimate`.
        is_mean: whether the denominators are ones.
        seed: of the resampling.
    """
    defined = ~np.isnan(np.stack([*numerators, *denominators])).any(0)
    count = int(defined.sum())
    if count == 0:
        nan = float("nan")
        return Comparison(quantity, *names, nan, nan, nan, 0, nan, "no utterance has both")
    sums = _by_cluster(defined, clusters, *numerators, *denominators)
    top, reference_top, bottom, reference_bottom = _resampled_sums(sums, seed)
    resampled = _ratio(top, bottom) - _ratio(reference_top, reference_bottom)
    low, high = _interval(resampled)
    difference = float(sums[0].sum() / sums[2].sum() - sums[1].sum() / sums[3].sum())
    if len(sums[0]) < FEWEST_UNITS:
        test, p_value = TOO_FEW, float("nan")
    elif is_mean and clusters is None:
        test, p_value = "Wilcoxon signed-rank", _wilcoxon((numerators[0] - numerators[1])[defined])
    else:
        test, p_value = "paired bootstrap", _bootstrap_p_value(resampled)
    return Comparison(quantity, *names, difference, low, high, count, p_value, test)


def holm(p_values: list[float]) -> list[float]:
    """P-values corrected so that the chance of any false finding among them stays below the level (Holm, 1979)."""
    corrected = [float("nan")] * len(p_values)
    ordered = sorted((p, i) for i, p in enumerate(p_values) if not np.isnan(p))
    largest = 0.0
    for rank, (p_value, i) in enumerate(ordered):
        largest = max(largest, min(1.0, p_value * (len(ordered) - rank)))
        corrected[i] = largest
    return corrected


def _by_cluster(defined: np.ndarray, clusters: np.ndarray | None, *values: np.ndarray) -> list[np.ndarray]:
    """Sums of each array over each cluster's defined utterances, `[clusters]`; the values themselves without one."""
    if clusters is None:
        return [value[defined] for value in values]
    _, member = np.unique(clusters[defined].astype(str), return_inverse=True)
    return [np.bincount(member, weights=value[defined]) for value in values]


def _resampled_sums(values: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Sum of each array over each resample, `[arrays, resamples]`."""
    weights = _resampling_weights(len(values[0]), seed)
    return (weights @ np.stack(values, axis=1).astype(np.float32)).T.astype(np.float64)


@lru_cache(maxsize=4)
def _resampling_weights(units: int, seed: int) -> np.ndarray:
    """How often each unit is drawn in each resample, `[resamples, units]`; the same for all systems, hence paired."""
    resamples = max(1, min(RESAMPLES, LARGEST_RESAMPLING // units))
    generator = np.random.default_rng(seed)
    weights = np.empty((resamples, units), np.float32)
    for start in range(0, resamples, 500):  # blocks: the draws take twice the memory of the weights
        rows = weights[start : start + 500]
        draws = generator.integers(0, units, rows.shape) + units * np.arange(len(rows))[:, None]
        rows[:] = np.bincount(draws.ravel(), minlength=rows.size).reshape(rows.shape)
    return weights


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """A resample may hold only utterances whose denominator is zero; it is left out."""
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _interval(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.nanquantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _wilcoxon(differences: np.ndarray) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def _bootstrap_p_value(resampled: np.ndarray) -> float:
    known = resampled[~np.isnan(resampled)]
    # One is added to each side: a finite number of resamples cannot show that p is zero.
    smaller = min((known <= 0).sum(), (known >= 0).sum()) + 1
    return float(min(1.0, 2 * smaller / (len(known) + 1)))
