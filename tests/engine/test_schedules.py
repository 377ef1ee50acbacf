"""Learning rates over a run."""

import pytest

from wavcube.engine.config import OptimizerConfig
from wavcube.engine.schedules import cosine, learning_rate_factor, linear


def test_warm_up_is_linear_and_starts_above_zero():
    assert [cosine(i, 4, 10) for i in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_cosine_goes_to_the_final_share():
    assert cosine(4, 4, 10) == pytest.approx(1.0)
    assert cosine(7, 4, 10) == pytest.approx(0.5)
    assert cosine(10, 4, 10) == pytest.approx(0.0)
    assert cosine(10, 4, 10, 0.1) == pytest.approx(0.1)
    assert cosine(7, 4, 10, 0.1) == pytest.approx(0.55)
    assert cosine(0, 0, 10) == pytest.approx(1.0)


def test_linear_rises_and_falls_in_straight_lines():
    rates = [linear(step, 10, 30) for step in range(31)]
    assert [rates[i] for i in (0, 5, 10, 20, 30)] == [1e-8, 0.5, 1.0, 0.5, 1e-8]


def test_the_settings_choose():
    settings = {"warmup": 2, "steps": 10, "final_lr": 0.2}
    assert learning_rate_factor(OptimizerConfig(**settings), 7) == cosine(7, 2, 10, 0.2)
    assert learning_rate_factor(OptimizerConfig(**settings, schedule="linear"), 7) == linear(7, 2, 10)
