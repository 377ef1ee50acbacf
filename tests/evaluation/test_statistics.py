"""Intervals that cover as often as they say, and p-values that are those of scipy."""

import numpy as np
import pytest

from wavcube.evaluation.statistics import compare, estimate, holm

ONES = np.ones


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = estimate(values, ONES(400))
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)
    assert (found.count, found.undefined) == (400, 0)


def test_it_agrees_with_scipys_bootstrap() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).exponential(1.0, 60)
    expected = bootstrap((values,), np.mean, method="percentile", rng=0).confidence_interval
    found = estimate(values, ONES(60))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.02)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(2)
    found = [estimate(generator.normal(size=50), ONES(50), seed=i) for i in range(200)]
    assert 0.90 <= np.mean([e.low <= 0 <= e.high for e in found]) <= 0.98


def test_a_corpus_rate_is_errors_over_words() -> None:
    found = estimate(100 * np.array([0.0, 5.0, 1.0]), np.array([10.0, 10.0, 80.0]))
    assert found.value == pytest.approx(6.0)
    assert found.low < 6.0 < found.high


def test_undefined_utterances_are_counted_and_left_out() -> None:
    found = estimate(np.array([1.0, np.nan, 3.0]), ONES(3))
    assert (found.value, found.count, found.undefined) == (2.0, 2, 1)
    nothing = estimate(np.array([np.nan]), ONES(1))
    assert np.isnan(nothing.value)
    assert (nothing.count, nothing.undefined) == (0, 1)


def test_whole_speakers_make_wider_intervals() -> None:
    generator = np.random.default_rng(3)
    speakers = np.repeat(np.arange(8), 50)
    values = generator.normal(size=8)[speakers] + 0.1 * generator.normal(size=400)
    alone, together = estimate(values, ONES(400)), estimate(values, ONES(400), speakers)
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_the_seed_decides() -> None:
    values = np.random.default_rng(4).normal(size=30)
    assert estimate(values, ONES(30), seed=1) == estimate(values, ONES(30), seed=1)
    assert estimate(values, ONES(30), seed=1) != estimate(values, ONES(30), seed=2)


def _compare(a: np.ndarray, b: np.ndarray, is_mean: bool = True, clusters: np.ndarray | None = None):
    ones = ONES(len(a))
    return compare("q", ("a", "b"), (a, b), (ones, ones), clusters, is_mean=is_mean)


def test_means_are_compared_by_wilcoxons_test() -> None:
    from scipy.stats import wilcoxon

    generator = np.random.default_rng(5)
    b = generator.normal(size=40)
    a = b + 0.2 + 0.5 * generator.normal(size=40)
    found = _compare(a, b)
    assert found.test == "Wilcoxon signed-rank"
    assert found.p_value == pytest.approx(wilcoxon(a, b).pvalue)
    assert found.difference == pytest.approx((a - b).mean())
    # Pairing removes the variance that both share.
    assert found.high - found.low < 0.5 * (estimate(a, ONES(40)).high - estimate(a, ONES(40)).low)


def test_equal_systems_do_not_differ() -> None:
    values = np.random.default_rng(6).normal(size=20)
    for is_mean in (True, False):
        found = _compare(values, values.copy(), is_mean)
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_bootstrap_finds_what_is_there_and_no_more() -> None:
    generator = np.random.default_rng(7)
    b = generator.normal(size=100)
    assert _compare(b + 1, b, is_mean=False).p_value < 0.001
    p_values = [_compare(generator.normal(size=30), generator.normal(size=30), False).p_value for _ in range(100)]
    assert 0 <= np.mean(np.array(p_values) < 0.05) <= 0.13


def test_only_utterances_that_both_have_are_compared() -> None:
    found = _compare(np.array([1.0, np.nan, 3.0]), np.array([0.0, 5.0, np.nan]))
    assert (found.count, found.difference) == (1, 1.0)
    assert np.isnan(_compare(np.array([np.nan]), np.array([1.0])).p_value)


def test_clusters_are_compared_by_the_bootstrap() -> None:
    values = np.random.default_rng(8).normal(size=100)
    found = _compare(values + 1, values, clusters=np.repeat(np.arange(20), 5))
    assert found.test == "paired bootstrap"


def test_holm() -> None:
    nan = float("nan")
    corrected = holm([0.01, 0.04, nan, 0.03, 0.9])
    assert corrected[:2] == pytest.approx([0.04, 0.09])
    assert corrected[3:] == pytest.approx([0.09, 0.9])
    assert np.isnan(corrected[2])
