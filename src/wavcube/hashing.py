"""What identifies a set of weights, so that results of different ones are never mixed."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from wavcube.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn


def fingerprint_module(module: "nn.Module") -> str:
    """Digest of the names and values of all parameters and buffers."""
    import torch

    digest = hashlib.blake2b(digest_size=12)
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.view(-1).view(torch.uint8).numpy().data if values.numel() else b"")
    return digest.hexdigest()


def fingerprint_file(path: str | Path) -> str:
    """Digest of the bytes of a file.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
