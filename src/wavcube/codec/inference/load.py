"""`WavCube.from_pretrained`: a checkpoint or exported graphs, computed by torch, ONNX Runtime or OpenVINO.

The other runtimes need graphs, which `export` writes. For a checkpoint that is done once: the graphs are kept beside it
(for the packaged model and for models from a hub in the user's cache) and made anew when the weights have changed.
"""

import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast, get_args

import torch

from wavcube.codec.blocks.precision import require_computed
from wavcube.codec.checkpoint.folder import CONFIG, EXPORT_MANIFEST, load_checkpoint, model_folder, read_weights
from wavcube.codec.checkpoint.hub import HubSource
from wavcube.codec.inference.export import export
from wavcube.codec.inference.exported import (
    Backend,
    is_installed,
    load_exported,
    missing,
    read_manifest,
    require_runnable,
)
from wavcube.codec.inference.optimize import optimize
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import ConfigError
from wavcube.hashing import fingerprint_tensors, short_digest

BACKENDS = ("torch", *get_args(Backend), "auto")

logger = logging.getLogger(__name__)

Model = TypeVar("Model", bound=WavCubeNetworks)


def load(
    kind: type[Model],
    name: str | Path | None,
    backend: str | None,
    *,
    device: str | torch.device | None,
    dtype: torch.dtype | None,
    source: HubSource = HubSource(),
) -> Model:
    """A model of class `kind`; see `WavCube.from_pretrained`."""
    if backend not in (None, *BACKENDS):
        raise ConfigError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    folder = model_folder(name, source)
    exported_for = _exported_for(folder)
    if exported_for and backend in (None, "auto"):
        require_runnable(exported_for, folder, device, dtype)
        return load_exported(kind, folder, dtype)
    if exported_for not in (None, backend):
        raise ConfigError(f"{folder}: holds graphs for {exported_for}; for {backend} name the checkpoint they are from")
    if backend == "auto":
        # Prepared, torch is as fast as the others (docs/performance.md) and needs no export.
        model = load_checkpoint(kind, folder, device=device)
        optimize(model, dtype or torch.float32)
        return model
    if backend in (None, "torch"):
        require_computed(dtype, "for int8 add backend='auto', or call optimize")
        return load_checkpoint(kind, folder, device=device, dtype=dtype)
    require_runnable(backend, f"--backend {backend}", device, dtype)
    own = name is not None and Path(name).is_dir()
    graphs = folder if exported_for else _cached_export(folder, cast(Backend, backend), own=own)
    return load_exported(kind, graphs, dtype)


def _exported_for(folder: Path) -> str | None:
    """The runtime that a folder's graphs are for; None for a checkpoint."""
    return read_manifest(folder)["backend"] if (folder / EXPORT_MANIFEST).is_file() else None


def _cached_export(folder: Path, backend: Backend, *, own: bool) -> Path:
    """The folder with the graphs of a checkpoint; they are made first, unless they are there and of these weights."""
    if not is_installed(backend):
        raise missing(backend)
    source = _source(folder)
    cache = folder / "exports" if own else user_cache() / source
    graphs = cache / backend
    if (graphs / CONFIG).is_file() and read_manifest(graphs).get("source") == source:
        return graphs
    logger.warning("exporting %s for %s into %s; this takes a while, and once", folder, backend, graphs)
    export(load_checkpoint(WavCubeNetworks, folder), graphs, backend, source=source)
    return graphs


def _source(folder: Path) -> str:
    """What graphs are made from: all weights, the configuration, and this version of wavcube."""
    weights, _ = read_weights(folder)
    return short_digest(fingerprint_tensors(weights), (folder / CONFIG).read_bytes(), version("wavcube"))


def user_cache() -> Path:
    """Where graphs of models that are not the user's own folders are kept; $XDG_CACHE_HOME moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wavcube" / "exports"
