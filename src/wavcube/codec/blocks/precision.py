"""Types of weights and computation, as torch has them or by their names."""

from contextlib import AbstractContextManager, nullcontext

import torch

from wavcube.errors import ConfigError

COMPUTED = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
"""What weights may be; int8 and the like have no gradients, no addition, or no kernels."""


def require_computed(dtype: torch.dtype | None, advice: str) -> None:
    """Raise a `ConfigError` for a type that weights cannot have."""
    if dtype is not None and dtype not in COMPUTED:
        raise ConfigError(f"dtype: weights are float32, bfloat16, float16 or float64, not {dtype}; {advice}")


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
