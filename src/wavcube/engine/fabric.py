"""One process or many, on any device: Lightning Fabric with the settings of a run, and what changes memory only."""

import functools
import os
import re
from collections.abc import Iterator
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy, ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.utils.checkpoint import checkpoint

from wavcube.engine.config import HardwareConfig
from wavcube.errors import ConfigError


def make_fabric(config: HardwareConfig) -> Fabric:
    """Fabric for the devices of a run; under torchrun, for the processes that it started.

    Raises:
        ConfigError: the accelerator is not there.
    """
    devices: Any = config.devices or "auto"
    nodes = config.nodes
    if "LOCAL_WORLD_SIZE" in os.environ and "RANK" in os.environ:  # torchrun
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    strategy: Any = config.strategy
    if strategy == "fsdp":
        world = nodes * (torch.cuda.device_count() if devices == "auto" and torch.cuda.is_available() else 1)
        world = nodes * devices if isinstance(devices, int) else world
        strategy = ModelParallelStrategy(shard_layers, data_parallel_size=world, tensor_parallel_size=1)
    elif strategy == "ddp" or devices not in (1, "auto") or nodes > 1 or _several_gpus(config, devices):
        strategy = DDPStrategy(gradient_as_bucket_view=True, broadcast_buffers=False)
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32, as convolutions have it anyway
    try:
        return Fabric(
            accelerator="gpu" if config.accelerator == "cuda" else config.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision="bf16-mixed" if config.precision == "bf16" else "32-true",
        )
    except (RuntimeError, ValueError) as error:  # Lightning's misconfiguration errors are of these
        raise ConfigError(f"hardware: {str(error).splitlines()[0]}") from error


def keep_fewer_activations(networks: nn.Module) -> None:
    """Compute training transformer layers again in the backward pass rather than keep what is inside them."""
    for _, layer in _layers(networks):
        if any(p.requires_grad for p in layer.parameters()):
            layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)


def shard_layers(networks: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Shard every transformer layer by itself, and the rest together (FSDP2)."""
    data = mesh["data_parallel"]
    for name, layer in _layers(networks):
        # The first layer of a stack may hold the position embedding that is used outside of it.
        if not name.endswith(".0"):
            fully_shard(layer, mesh=data)
    fully_shard(networks, mesh=data)
    return networks


def reduce(fabric: Fabric, values: Tensor, how: Literal["sum", "mean", "max"]) -> Tensor:
    """The sum, mean or largest of `values` over all processes."""
    reduced = fabric.all_reduce(values, reduce_op=how)
    assert isinstance(reduced, Tensor)
    return reduced


def _layers(networks: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in networks.named_modules():
        if re.search(r"(^|\.)layers\.\d+$", name):
            yield name, module


def _several_gpus(config: HardwareConfig, devices: Any) -> bool:
    return devices == "auto" and config.accelerator in ("auto", "cuda") and torch.cuda.device_count() > 1
