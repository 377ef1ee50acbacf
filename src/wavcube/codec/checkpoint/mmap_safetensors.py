"""The tensors of a safetensors file, each a mapping of its own, so that memory goes with each tensor that is let go.

safetensors maps a file once for all its tensors; while one of them is in use, the pages of all stay. A prepared model
lays its weights out anew, layer by layer, and would hold both.
"""

import json
import mmap
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from wavcube.files import utf8_path

SMALLEST = 1 << 16
"""Bytes below which a tensor is copied: a mapping takes whole pages."""


def mmap_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and the file's metadata. Writing to a tensor changes neither the file nor another tensor.

    Raises:
        SafetensorError, OSError: the file is half-written, damaged or cannot be read.
    """
    with utf8_path(path) as name, safe_open(name, framework="pt") as file, path.open("rb") as raw:
        # What is opened here has been checked: the header is whole and its offsets fit the file.
        header_size = int.from_bytes(raw.read(8), "little")
        header = json.loads(raw.read(header_size))
        tensors: dict[str, Tensor] = {}
        for name in file.keys():  # noqa: SIM118 (no dictionary)
            view = file.get_tensor(name)
            if view.nbytes < SMALLEST:
                tensors[name] = view.clone()
                continue
            start = 8 + header_size + header[name]["data_offsets"][0]
            lead = start % mmap.ALLOCATIONGRANULARITY
            pages = mmap.mmap(raw.fileno(), lead + view.nbytes, access=mmap.ACCESS_COPY, offset=start - lead)
            flat = torch.frombuffer(pages, dtype=view.dtype, count=view.numel(), offset=lead)
            tensors[name] = flat.view(view.shape)
        return tensors, file.metadata() or {}
