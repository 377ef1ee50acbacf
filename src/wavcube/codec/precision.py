"""Types of weights and computation, as torch has them or by their names."""

from contextlib import AbstractContextManager, nullcontext

import torch

from wavcube.errors import ConfigError


def as_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """A type of torch, given as such or by its name, "bfloat16" or "torch.bfloat16"; None stays None.

    Raises:
        ConfigError: no such type.
    """
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else None
    if not isinstance(found, torch.dtype):
        raise ConfigError(f"dtype: {dtype!r} is no type of torch; give float32, bfloat16, float16 or int8")
    return found


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """What is computed within has the type of its operands, also where somebody asked for autocast.

    For what half precision would spoil: spectra, whose quiet bins it drowns, and F0, which needs three digits.
    """
    # Not where nothing is to be switched off: exported graphs would have a node for it.
    active = torch.is_autocast_enabled(device.type)
    return torch.autocast(device.type, enabled=False) if active else nullcontext()
