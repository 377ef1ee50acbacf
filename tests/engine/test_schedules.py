import pytest

from wavcube.engine.schedules import learning_rate_factor


def test_warm_up_is_linear_and_starts_above_zero():
    assert [learning_rate_factor(i, 4, 10) for i in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_cosine_goes_to_the_final_share():
    assert learning_rate_factor(4, 4, 10) == pytest.approx(1.0)
    assert learning_rate_factor(7, 4, 10) == pytest.approx(0.5)
    assert learning_rate_factor(10, 4, 10) == pytest.approx(0.0)
    assert learning_rate_factor(10, 4, 10, 0.1) == pytest.approx(0.1)
    assert learning_rate_factor(7, 4, 10, 0.1) == pytest.approx(0.55)
    assert learning_rate_factor(0, 0, 10) == pytest.approx(1.0)
