"""Models without weights, to be filled from a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def meta_init() -> Iterator[None]:
    """What is built inside has shapes and names, and no memory: it lies on torch's meta device.

    Two things that constructors do there would make torch import its compiler, which takes longer than most models take
    to load, and 70 MB: drawing weights from a normal distribution, and the norms of weight norm. Neither is needed.
    """
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function in (nn.init.normal_, Tensor.normal_):
            tensor: Tensor = kwargs["tensor"] if "tensor" in kwargs else args[0]
            if tensor.is_meta:
                return tensor
        if function is torch.norm_except_dim and args[0].is_meta:
            weight, _, dim = args
            return weight.new_empty([size if i == dim else 1 for i, size in enumerate(weight.shape)])
        return function(*args, **kwargs)
