"""Tables of results had true recordings and oracles in bold, as the best of the systems."""

import numpy as np
import pytest

from wavcube.evaluation.metric import Quantity
from wavcube.evaluation.report.tables import best_system, latex_table
from wavcube.evaluation.statistics import estimate
from wavcube.evaluation.summary import Summary

QUANTITY = Quantity("q", "Q", "", "higher", 2)


def summary_of(*systems: str) -> Summary:
    """Of systems that are each one better than the system before."""
    values = np.random.default_rng(0).normal(size=20)
    estimates = {name: {"q": estimate(values + k, np.ones(20))} for k, name in enumerate(systems)}
    return Summary(list(systems), [QUANTITY], [], estimates, [], {}, {}, 0, None)


@pytest.mark.parametrize("truth", ["identity", "recordings", "true", "oracle-mask", "oracle-latents"])
def test_the_best_is_a_system_that_does_not_know_the_truth(truth: str) -> None:
    assert best_system(summary_of("wiener", "ours", truth), QUANTITY) == "ours"


def test_one_system_beside_the_truth_is_not_the_best() -> None:
    assert best_system(summary_of("ours", "recordings"), QUANTITY) is None
    assert "textbf" not in latex_table(summary_of("ours", "recordings"))
