import torch
from torch import nn

from wavcube.engine.ema import WeightAverage


def _network(value: float) -> nn.Module:
    network = nn.Linear(2, 1)
    nn.init.constant_(network.weight, value)
    network.bias.requires_grad_(False)
    return network


def test_the_average_follows_with_the_decay_of_its_age():
    network = _network(0.0)
    average = WeightAverage(network, decay=0.5)
    nn.init.constant_(network.weight, 1.0)
    average.update()  # decay 1/10
    torch.testing.assert_close(average.values["weight"], torch.full((1, 2), 0.9))
    average.updates = 1000
    nn.init.constant_(network.weight, 2.0)
    average.update()  # decay 0.5
    torch.testing.assert_close(average.values["weight"], torch.full((1, 2), 1.45))
    assert list(average.values) == ["weight"]  # what does not train is not averaged


def test_the_networks_hold_the_average_only_inside_the_block():
    network = _network(1.0)
    average = WeightAverage(network, decay=0.9)
    nn.init.constant_(network.weight, 5.0)
    with average.in_networks():
        assert network.weight[0, 0].item() == 1.0
    assert network.weight[0, 0].item() == 5.0
    assert average.values["weight"][0, 0].item() == 1.0
