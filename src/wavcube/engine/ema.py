"""Moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of the parameters that train; the rest is shared with the networks.

    Early on the decay is lower, (1 + n) / (10 + n) after n updates, so that the random start is forgotten.
    """

    def __init__(self, networks: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = {name: p for name, p in networks.named_parameters() if p.requires_grad}
        self.values = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(list(self.values.values()), list(self._parameters.values()), 1.0 - decay)

    @contextmanager
    def in_networks(self) -> Iterator[None]:
        """The networks hold the average inside the block, and their own weights again after it."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, parameter in self._parameters.items():
            own = parameter.clone()
            parameter.copy_(self.values[name])
            self.values[name].copy_(own)

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.values)
