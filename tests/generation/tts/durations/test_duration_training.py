import math

import pytest
import torch

from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.durations.duration_training import Timed, fit_durations, utterance_rate

PAUSES = [True, False, False, False, True]


def speech(count: int, seed: int = 0) -> list[Timed]:
    """Token 2 lasts 0.2 s before a 4 and 0.1 s elsewhere, the others 0.06 s, times exp(rate) and a spread of 0.2; one
    space in two is silence."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        ids = torch.randint(1, 5, (20,), generator=generator)
        following = torch.cat([ids[1:], torch.zeros(1, dtype=torch.long)])
        usual = torch.where(ids == 2, torch.where(following == 4, 0.2, 0.1), 0.06)
        rate = 0.2 * torch.randn((), generator=generator)
        seconds = usual * (rate + 0.2 * torch.randn(20, generator=generator)).exp()
        absent = (ids == 1) & (torch.rand(20, generator=generator) < 0.5)
        found.append((ids, torch.where(absent, 0.0, seconds)))
    return found


@pytest.fixture(scope="module")
def fitted() -> DurationNetwork:
    torch.manual_seed(0)
    network = DurationNetwork(PAUSES)
    found = fit_durations(network, speech(160))
    assert found.steps > 0
    assert math.isfinite(found.loss)
    return network


def test_mean_spread_and_chance_are_learnt(fitted: DurationNetwork) -> None:
    text = torch.tensor([[3, 2, 4, 2, 3, 1, 3]])
    mean, spread, presence = fitted(text, torch.zeros(1), torch.ones(1, dtype=torch.bool))
    torch.testing.assert_close(mean[0, :5].exp(), torch.tensor([0.06, 0.2, 0.06, 0.1, 0.06]), rtol=0.15, atol=0)
    torch.testing.assert_close(spread[0, :5], torch.full((5,), 0.2), rtol=0.4, atol=0)
    assert 0.15 < float(presence[0, 5].sigmoid()) < 0.85


def test_a_slow_voice_speaks_slowly(fitted: DurationNetwork) -> None:
    text = torch.tensor([3, 2, 4, 2, 3, 4, 3])
    assert float(fitted.draw(text, 0.2).sum() / fitted.draw(text, 0.0).sum()) == pytest.approx(math.exp(0.2), rel=0.1)
    # Of a voice whose rate is not known more is uncertain.
    spreads = [fitted(text[None], torch.zeros(1), torch.tensor([known])).spread.mean() for known in (True, False)]
    assert spreads[1] > 1.15 * spreads[0]


def test_the_rate_of_an_utterance_leaves_pauses_out(fitted: DurationNetwork) -> None:
    ids = torch.tensor([3, 1, 3])
    usual = fitted.usual[ids].exp()
    assert utterance_rate(fitted, ids, usual * torch.tensor([1.1, 9.0, 1.1])) == pytest.approx(math.log(1.1), abs=1e-3)
    assert utterance_rate(fitted, torch.tensor([1]), torch.tensor([0.3])) == 0.0


def test_the_same_seed_gives_the_same_weights_and_nothing_is_left_to_train() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(1)
        network = DurationNetwork(PAUSES)
        fit_durations(network, speech(8), seed=3)
        made.append(network)
    first, second = (network.state_dict() for network in made)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(parameter.requires_grad for parameter in made[0].parameters())


def test_a_fit_that_makes_it_worse_is_thrown_away(fitted: DurationNetwork) -> None:
    before = {name: value.clone() for name, value in fitted.state_dict().items()}
    found = fit_durations(fitted, speech(40, seed=9), begin=False)
    assert found.steps in range(0, 81)
    if found.steps == 0:
        assert all(torch.equal(value, before[name]) for name, value in fitted.state_dict().items())
