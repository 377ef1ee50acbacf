"""Modules in evaluation mode, while whoever trains them keeps the mode that they are in."""

from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def evaluated(module: Module) -> Module:
    """`module` itself where all of it is in evaluation mode; else a twin of the same tensors that is.

    Modes are never switched and back: another thread that uses the module would meet dropout, or train without it.
    """
    if not any(part.training for part in module.modules()):
        return module
    twins: dict[int, nn.Module] = {}

    def twin(part: nn.Module) -> nn.Module:
        if id(part) not in twins:
            made = twins[id(part)] = part.__class__.__new__(part.__class__)
            made.__dict__.update(part.__dict__)
            made.__dict__["training"] = False
            made.__dict__["_modules"] = {name: child and twin(child) for name, child in part._modules.items()}
        return twins[id(part)]

    return twin(module)  # type: ignore[return-value]
