"""The adversarial part of a step: discriminators learn from the networks' output, then score it for their loss."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.optim import AdamW

from wavcube.engine.config import OptimizerConfig
from wavcube.engine.fabric import reduce
from wavcube.engine.optimizer import gradient_norm, make_optimizer, set_rate
from wavcube.engine.schedules import learning_rate_factor
from wavcube.engine.trainable import DiscriminatorFn, Logs, Objective


class DiscriminatorTrainer:
    """Trains an objective's discriminators; for an objective without any it does nothing.

    Discriminators are small next to the networks and the same on every process: their gradients are averaged by hand,
    so that they can be used twice a step, and with sharded networks, without a wrapper's rules.
    """

    def __init__(self, fabric: Fabric, objective: Objective, config: OptimizerConfig) -> None:
        self._fabric, self._objective, self._config = fabric, objective, config
        self.settings = objective.adversarial
        self._parameters = [] if objective.discriminator is None else list(objective.discriminator.parameters())
        self.optimizer: AdamW | None = None
        if self._parameters:
            self.optimizer = make_optimizer(self._parameters, config, self.settings.lr)

    def trains(self, step: int) -> bool:
        """Whether they learn in this step."""
        return self.optimizer is not None and step >= self.settings.start_step

    def function(self, step: int) -> DiscriminatorFn | None:
        """The discriminators, from where they take part in the networks' loss."""
        takes_part = self.trains(step) and step >= self.settings.adversarial_start_step
        return self._discriminate if takes_part else None

    def learn(self, batch: Any, output: Any) -> Logs:
        """Gradients of a batch, a share of a step."""
        loss, logs = self._objective.discriminator_loss(batch, output, self._discriminate)
        (loss / self._config.accumulate).backward()
        return logs

    def update(self, step: int) -> Tensor:
        """Average gradients over processes, update if they are finite, and return their norm."""
        assert self.optimizer is not None
        if self._fabric.world_size > 1:
            for p in self._parameters:
                if p.grad is not None:
                    p.grad.copy_(reduce(self._fabric, p.grad, "mean"))
        norm = gradient_norm(self._parameters, self._config.clip)
        if torch.isfinite(norm):
            factor = learning_rate_factor(self._config, step)
            since = step - self.settings.start_step
            if since < self.settings.warmup:
                factor = min(factor, (since + 1) / self.settings.warmup)
            set_rate(self.optimizer, self.settings.lr * factor)
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside they pass gradients on to the waveform and get none themselves."""
        for p in self._parameters:
            p.requires_grad_(False)
        yield
        for p in self._parameters:
            p.requires_grad_(True)

    def _discriminate(self, waveform: Tensor) -> Any:
        assert self._objective.discriminator is not None
        with self._fabric.autocast():
            return self._objective.discriminator(waveform)
