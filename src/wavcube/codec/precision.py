"""Types of weights and computation, as torch has them or by their names."""

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
