"""AdamW as the settings have it, its rate, and the norm of gradients."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer

from wavcube.engine.config import OptimizerConfig


def make_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig, lr: float) -> AdamW:
    """AdamW for `parameters`; `lr` is the rate that the first step finds."""
    betas = (config.betas[0], config.betas[1])
    return AdamW(parameters, lr=lr, betas=betas, weight_decay=config.weight_decay, fused=config.fused or None)


def apply_settings(optimizer: Optimizer, config: OptimizerConfig) -> None:
    """Give a loaded optimiser the settings of this session; what it has learnt of the gradients stays."""
    for group in optimizer.param_groups:
        group.update(betas=(config.betas[0], config.betas[1]), weight_decay=config.weight_decay)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def gradient_norm(parameters: list[nn.Parameter], clip: float) -> Tensor:
    """The norm of all gradients, which are scaled down to `clip` where that is above 0 and exceeded."""
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip if clip > 0 else float("inf"))
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
