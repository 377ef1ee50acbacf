import math

import pytest
import torch

from wavcube.errors import ConfigError
from wavcube.generation.flow.solver import PRUNED, SolverSettings, guided, solve


def test_without_sway_the_grid_is_even() -> None:
    grid = SolverSettings(8, sway=0.0).time_grid()
    torch.testing.assert_close(grid, torch.arange(9) / 8)


@pytest.mark.parametrize("nfe", [*PRUNED, 8, 32])
@pytest.mark.parametrize("sway", [-1.0, 0.0, 1.0])
def test_grids_rise_from_zero_to_one(nfe: int, sway: float) -> None:
    grid = SolverSettings(nfe, sway=sway).time_grid()
    assert len(grid) == nfe + 1
    assert grid[0] == 0
    assert grid[-1] == pytest.approx(1.0, abs=1e-6)
    assert (grid.diff() > 0).all()


def test_sway_moves_steps_towards_the_noise() -> None:
    # 1 - cos(pi t / 2) at t = 1/2
    assert SolverSettings(2).time_grid()[1] == pytest.approx(1 - math.cos(math.pi / 4))


def test_pruned_grids_can_be_left_out() -> None:
    assert SolverSettings(7, sway=0.0).time_grid()[1] == pytest.approx(2 / 32)
    assert SolverSettings(7, sway=0.0, pruned=False).time_grid()[1] == pytest.approx(1 / 7)


@pytest.mark.parametrize(("method", "error"), [("euler", 2e-2), ("midpoint", 2e-4)])
def test_solvers_follow_a_known_path(method: str, error: float) -> None:
    # dx/dt = x has x(1) = e x(0)
    settings = SolverSettings(64, method, sway=0.0)
    calls = []

    def velocity(values: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        calls.append(float(time))
        return values

    made = solve(velocity, torch.ones(1, 1, 1, dtype=torch.float64), settings)
    assert abs(float(made) / math.e - 1) < error
    assert len(calls) == 64


def test_guidance_is_one_call_of_twice_the_batch() -> None:
    context, null = torch.full((2, 3, 4), 5.0), torch.full((2, 3, 4), 1.0)
    shapes = []

    def transformer(values: torch.Tensor, time: torch.Tensor, context: torch.Tensor, lengths: torch.Tensor | None):
        shapes.append((values.shape, lengths.tolist() if lengths is not None else None))
        return context[..., :1].expand(-1, -1, values.shape[2])

    velocity = guided(transformer, context, null, torch.tensor([3, 2]), 2.0)
    made = velocity(torch.zeros(2, 3, 6), torch.tensor([0.5]))
    assert shapes == [(torch.Size([4, 3, 6]), [3, 2, 3, 2])]
    assert (made == 13.0).all()  # 5 + 2 (5 - 1)


def test_no_guidance_is_half_the_work() -> None:
    def transformer(values: torch.Tensor, *_: object) -> torch.Tensor:
        assert len(values) == 2
        return values

    guided(transformer, torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), None, 0.0)(torch.zeros(2, 3, 6), torch.zeros(1))


@pytest.mark.parametrize(
    "wrong", [{"method": "heun"}, {"nfe": 0}, {"nfe": 7, "method": "midpoint"}, {"sway": -1.5},
              {"guidance": -1.0}]
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SolverSettings(**wrong)  # type: ignore[arg-type]
