"""Three utterances that differ the same way were marked as a significant difference (paired bootstrap: p = 0.0002)."""

import numpy as np
import pytest

from wavcube.evaluation.metric import Quantity
from wavcube.evaluation.report.tables import footnotes, p_value, significance
from wavcube.evaluation.statistics import FEWEST_UNITS, compare, estimate, holm
from wavcube.evaluation.summary import Summary


def summary_of(utterances: int, clusters: np.ndarray | None = None) -> Summary:
    """Of two systems, of which the second is always one better."""
    values, ones = np.random.default_rng(0).normal(size=utterances), np.ones(utterances)
    found = compare("q", ("b", "a"), (values + 1, values), (ones, ones), clusters, is_mean=False)
    found = type(found)(**{**found.__dict__, "p_holm": holm([found.p_value])[0]})
    estimates = {"a": {"q": estimate(values, ones)}, "b": {"q": estimate(values + 1, ones)}}
    quantity = Quantity("q", "Q", "", "higher", 2)
    return Summary(["a", "b"], [quantity], [], estimates, [found], {}, {}, 0, None if clusters is None else "speaker")


@pytest.mark.parametrize(
    ("utterances", "clusters", "starred"),
    [
        (3, None, False),
        (FEWEST_UNITS - 1, None, False),
        (FEWEST_UNITS, None, True),
        (40, np.repeat(["x", "y", "z", "w"], 10), False),
    ],
)
def test_stars_only_from_enough_utterances_or_speakers(utterances, clusters, starred):
    summary = summary_of(utterances, clusters)
    assert bool(significance(summary)) is starred
    text = " ".join(footnotes(summary))
    assert ("* differs from a" in text) is starred
    assert (f"not tested with fewer than {FEWEST_UNITS}" in text) is not starred
    assert p_value(summary.comparisons[0]) == ("p < 0.001" if starred else "")
