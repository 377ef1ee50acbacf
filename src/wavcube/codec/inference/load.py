"""Which runtime computes: torch, ONNX Runtime or OpenVINO; `WavCube.from_pretrained(..., backend=...)`.

The other runtimes need graphs, which `export` writes. For a checkpoint that is done once: the graphs are kept beside it
(for the packaged model and for models from a hub in the user's cache) and made anew when the weights have changed.
"""

import hashlib
import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast, get_args

import torch

from wavcube.codec.checkpoint.folder import CONFIG, EXPORT_MANIFEST, model_folder, read_weights
from wavcube.codec.inference.export import export
from wavcube.codec.inference.exported import Backend, is_installed, load_exported, missing, read_manifest
from wavcube.errors import ConfigError
from wavcube.hashing import fingerprint_tensors

if TYPE_CHECKING:
    from wavcube.codec.model import WavCube

BACKENDS = ("torch", *get_args(Backend), "auto")

logger = logging.getLogger(__name__)

Model = TypeVar("Model", bound="WavCube")


def load_for(
    kind: type[Model],
    name: str | Path | None,
    backend: str,
    *,
    device: str | torch.device | None,
    dtype: torch.dtype | None,
) -> Model:
    """See `WavCube.from_pretrained`."""
    if backend not in BACKENDS:
        raise ConfigError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    folder = model_folder(name)
    exported_for = _exported_for(folder)
    on_cpu = torch.device(device or "cpu").type == "cpu"
    if backend == "auto":
        if exported_for:
            return cast(Model, load_exported(folder, dtype))  # on the CPU whatever the device, as without a backend
        # Prepared, torch is as fast as the others (docs/performance.md) and needs no export.
        return kind.from_pretrained(folder, device=device).optimize(dtype or torch.float32)
    if exported_for not in (None, backend):
        raise ConfigError(f"{folder}: holds graphs for {exported_for}; for {backend} name the checkpoint they are from")
    if backend == "torch":
        return kind.from_pretrained(folder, device=device, dtype=dtype)
    if not on_cpu:
        raise ConfigError(f"the {backend} backend computes on the CPU, not on {device}")
    own = name is not None and Path(name).is_dir()
    graphs = folder if exported_for else _cached_export(kind, folder, cast(Backend, backend), own=own)
    return cast(Model, load_exported(graphs, dtype))


def _exported_for(folder: Path) -> str | None:
    """The runtime that a folder's graphs are for; None for a checkpoint."""
    return read_manifest(folder)["backend"] if (folder / EXPORT_MANIFEST).is_file() else None


def _cached_export(kind: type["WavCube"], folder: Path, backend: Backend, *, own: bool) -> Path:
    """The folder with the graphs of a checkpoint; they are made first, unless they are there and of these weights."""
    if not is_installed(backend):
        raise missing(backend)
    source = _source(folder)
    cache = folder / "exports" if own else user_cache() / source
    graphs = cache / backend
    if (graphs / CONFIG).is_file() and read_manifest(graphs).get("source") == source:
        return graphs
    logger.warning("exporting %s for %s into %s; this takes a while, and once", folder, backend, graphs)
    export(kind.from_pretrained(folder), graphs, backend, source=source)
    return graphs


def _source(folder: Path) -> str:
    """What graphs are made from: all weights, the configuration, and this version of wavcube."""
    weights, _ = read_weights(folder)
    digest = hashlib.sha256(fingerprint_tensors(weights).encode())
    digest.update((folder / CONFIG).read_bytes() + version("wavcube").encode())
    return digest.hexdigest()[:16]


def user_cache() -> Path:
    """Where graphs of models that are not the user's own folders are kept; $XDG_CACHE_HOME moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wavcube" / "exports"
