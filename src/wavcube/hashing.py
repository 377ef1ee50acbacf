"""Fingerprints of weights and files, so that results of different ones are never mixed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wavcube.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

_COLUMNS = 64  # words of 8 bytes


def digest(content: str | bytes, size: int = 12) -> str:
    """`size` bytes of a cryptographic hash of some text or bytes, in hexadecimal; the key of stored results."""
    return hashlib.blake2b(content.encode() if isinstance(content, str) else content, digest_size=size).hexdigest()


def short_digest(*parts: str | bytes) -> str:
    """Sixteen hexadecimal digits of a cryptographic hash of all parts in a row; names folders and files of caches."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
    return total.hexdigest()[:16]


def digest_file(path: Path) -> str:
    """`digest` of the bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()


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
    """`digest_file` of a file of weights or results.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        return digest_file(Path(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


def fingerprint_tensors(tensors: "Mapping[str, Tensor]", settings: str = "") -> str:
    """Sixteen hexadecimal digits that depend on the name, shape and every value of all tensors, and on `settings`.

    Floats of less than 32 bits count as float32, so that how they are kept makes no difference. A tensor's bits are
    summed along the rows and the columns of a table, which is several times faster than a cryptographic hash of them
    all, on any device, and changes with every bit; the sums are then hashed.
    """
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tuple(tensor.shape)} ".encode())
        words, rest = _words(tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor)
        table = words[: len(words) // _COLUMNS * _COLUMNS].view(-1, _COLUMNS)
        for sums in (table.sum(0), table.sum(1), words[table.numel() :], rest):
            digest.update(sums.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def checksum(tensors: "Mapping[str, Tensor]") -> tuple[object, ...]:
    """Name, type, place in memory, count of changes and the sum of all bits of every tensor: as fast as reading them.

    The count alone does not see what is written through `.data` or NumPy, the sum alone no values that change places.
    """
    import torch

    facts, sums = [], []
    for name, tensor in tensors.items():
        changes = 0 if tensor.is_inference() else tensor._version
        facts.append((name, tensor.dtype, tuple(tensor.shape), tensor.data_ptr(), changes))
        words, rest = _words(tensor)
        sums.append(words.sum() + rest.sum())
    return *facts, *(torch.stack(sums).tolist() if sums else ())


def _words(tensor: "Tensor") -> "tuple[Tensor, Tensor]":
    """The bits of a tensor as 64-bit integers, and the bytes that are left."""
    import torch

    tensor = tensor.detach()
    if tensor.device.type == "mps":  # has no 64-bit views
        tensor = tensor.cpu()
    raw = tensor.contiguous().view(-1).view(torch.uint8)
    if raw.storage_offset() % 8:
        raw = raw.clone()
    end = len(raw) // 8 * 8
    return raw[:end].view(torch.int64), raw[end:]
