"""The aligned distance against truth that is known."""

import numpy as np
import pytest
import torch

from wavcube.codec import WavCube
from wavcube.integrations.app.alignment import aligned_distance
from wavcube.integrations.app.models import standardised
from wavcube.losses import LatentDistance

RANDOM = np.random.default_rng(0)


def frames(count: int, channels: int = 128) -> np.ndarray:
    return RANDOM.standard_normal((count, channels)).astype(np.float32)


def test_equal_sequences_and_stretched_ones_are_at_zero() -> None:
    one = frames(40)
    assert aligned_distance(one, one) == pytest.approx(0, abs=1e-5)
    assert aligned_distance(one, np.repeat(one, 3, axis=0)) == pytest.approx(0, abs=1e-5)
    assert aligned_distance(np.repeat(one, 2, axis=0), one) == pytest.approx(0, abs=1e-5)


def test_unrelated_sequences_are_nearly_at_two() -> None:
    assert 1.6 < aligned_distance(frames(50), frames(60)) < 2.0


def test_the_path_is_the_best_of_all() -> None:
    for rows, columns in ((1, 1), (1, 5), (4, 1), (4, 5), (6, 3)):
        one, other = frames(rows, 2), frames(columns, 2)
        cost = np.square(one[:, None] - other).mean(-1)

        def best(i: int, j: int, cost: np.ndarray = cost) -> tuple[float, int]:
            if i < 0 or j < 0:
                return (0.0, 0) if i == j == -1 else (np.inf, 0)
            total, steps = min((best(i - 1, j - 1), best(i - 1, j), best(i, j - 1)), key=lambda found: found[0])
            return total + cost[i, j], steps + 1

        total, steps = best(rows - 1, columns - 1)
        assert aligned_distance(one, other) == pytest.approx(total / steps, rel=1e-4)


def test_without_warping_it_is_the_latent_loss() -> None:
    model = WavCube.from_pretrained()
    random = torch.Generator().manual_seed(0)
    clean = 0.1 * torch.randn(1, 16_000, generator=random)
    noisy = clean + 0.002 * torch.randn(1, 16_000, generator=random)
    expected = float(LatentDistance(model)(noisy, clean))
    one, other = (standardised(model.encode(waveform[0], 16_000), model) for waveform in (clean, noisy))
    assert np.square(one - other).mean() == pytest.approx(expected, rel=1e-3)
    assert aligned_distance(one, other) <= expected * 1.001
