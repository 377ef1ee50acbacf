"""Checkpoints: a folder with `config.json` and `model.safetensors` (or shards of it and their index).

Loading is strict: missing, unexpected and wrongly sized tensors are errors that name them. Nothing is read from a
pickle; official checkpoints go through `convert` first.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor

from wavcube.codec.blocks.precision import require_computed
from wavcube.codec.checkpoint.hub import HubSource, download
from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.codec.checkpoint.mmap_safetensors import mmap_safetensors
from wavcube.codec.checkpoint.shared_folder import ENTRIES, NAMES, shared_files
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.fingerprint import latent_fingerprint
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import CheckpointError, ConfigError, WavCubeError
from wavcube.files import follow_umask, reason, saying_when_full
from wavcube.run_layout import model_of_run

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
EXPORT_MANIFEST = "export.json"
"""Its presence marks a folder of exported graphs."""

STATISTICS = ("latent_mean", "latent_std")
"""Optional tensors: per-channel statistics of the latent, [C]."""

PACKAGED = Path(__file__).parents[1] / "pretrained" / "nano"
"""The small model that comes with the package."""

Model = TypeVar("Model", bound=WavCubeNetworks)


def load_checkpoint(
    kind: type[Model], folder: Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None
) -> Model:
    """A model of class `kind` from a folder (see `WavCube.from_pretrained`).

    Weights are mapped from the file, so that loading takes one copy of them.
    """
    config = WavCubeConfig.load(folder / CONFIG)
    with meta_init():
        model = kind(config)
    weights, written = read_weights(folder)
    if any(key in weights for key in STATISTICS):
        for key in STATISTICS:
            model.register_buffer(key, torch.empty(model.latent_dim, device="meta"))
    check_tensors(weights, model.state_dict(), str(folder))
    # Half precision is a way to store; unless asked for, nothing is computed in it.
    model.load_state_dict({key: value.to(dtype or torch.float32) for key, value in weights.items()}, assign=True)
    if model.teacher is not None:
        model.teacher.requires_grad_(False)
    try:
        model = model.to(device).eval()
        if model.device.type == "meta":
            raise RuntimeError("meta has no numbers")
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WavCubeError(f"the model cannot be put on the device {device} ({reason})") from error
    model.name_latents(latent_name(config, weights, written))
    return model


def latent_name(config: WavCubeConfig, weights: Mapping[str, Tensor], written: Mapping[str, str]) -> str:
    """The name of the latent space of `read_weights`."""
    # A name is of the weights and settings that it was given to; older checkpoints do not say which these are.
    found = latent_fingerprint(config.encoder, config.bottleneck, weights)
    known = written.get("identity") if written.get("fingerprint", found) == found else None
    return known or found


def save(model: WavCubeNetworks, folder: str | Path, *, dtype: torch.dtype | None, max_shard_size: str) -> None:
    """See `WavCube.save_pretrained`."""
    if model.optimized:
        raise CheckpointError("a model that was prepared with optimize() cannot be saved; save it before")
    require_computed(dtype, "to compute in int8 use optimize")
    tensors = model.state_dict()
    write_checkpoint(folder, model.config, tensors, model.identity, dtype=dtype, max_shard_size=max_shard_size)


def write_checkpoint(
    folder: str | Path,
    config: WavCubeConfig,
    tensors: dict[str, Tensor],
    identity: str | None = None,
    *,
    dtype: torch.dtype | None = None,
    max_shard_size: int | str = "5GB",
) -> None:
    """Write a checkpoint folder; its files appear whole, and config.json, without which it is none, comes last.

    transformers loads it too (`wavcube.hf`), with two small files that stand beside the weights for that.

    `identity` names the latent space; by default it is that of the tensors.

    Raises:
        CheckpointError: the folder cannot be written, or holds another kind of model.
    """
    from huggingface_hub import save_torch_state_dict

    folder = Path(folder)
    require_place(folder, exported=False)
    identity = identity or latent_fingerprint(config.encoder, config.bottleneck, tensors)
    kept = {key: _own_storage(value.detach().to(dtype or value.dtype)) for key, value in tensors.items()}
    written = latent_fingerprint(config.encoder, config.bottleneck, kept)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            saying_when_full(folder / WEIGHTS),
            tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as temporary,
        ):
            names = {"identity": identity, "fingerprint": written}
            save_torch_state_dict(kept, temporary, max_shard_size=max_shard_size, metadata={"format": "pt", **names})
            entries = {**config.to_dict(), **ENTRIES, **names}
            files = {**shared_files(), CONFIG: json.dumps(entries, indent=2) + "\n"}
            for name, text in files.items():
                (Path(temporary) / name).write_text(text, encoding="utf-8")
            follow_umask(*Path(temporary).iterdir())
            shards = folder.glob("model-?????-of-?????.safetensors")
            for stale in [folder / CONFIG, folder / WEIGHTS, *shards, folder / INDEX]:
                stale.unlink(missing_ok=True)
            for file in sorted(Path(temporary).iterdir(), key=lambda file: file.name == CONFIG):
                os.replace(file, folder / file.name)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: the checkpoint cannot be written ({reason(error)})") from error


def _own_storage(tensor: Tensor) -> Tensor:
    """The tensor in memory of its own: what is a view of something larger cannot be written as it is."""
    tensor = tensor.contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def read_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a checkpoint folder, mapped from its files, and what is written with them.

    That is `identity`, the name of the latent space, and `fingerprint`, of the weights that were given the name.

    Raises:
        CheckpointError: a file is missing, half-written or damaged.
    """
    weights: dict[str, Tensor] = {}
    files, written = _weight_files(folder)
    in_config = _names_in_config(folder)
    for file in files:
        if not file.is_file():
            raise CheckpointError(f"{folder}: {file.name} is missing; copy the whole folder")
        try:
            tensors, metadata = mmap_safetensors(file)
            written = {**metadata, **written}
            weights.update(tensors)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: half-written or damaged ({error}); copy or convert it again") from error
    # What other programs write again has lost the metadata of its weights.
    return weights, {**in_config, **written}


def _names_in_config(folder: Path) -> dict[str, str]:
    """The names that config.json holds as well; none in older checkpoints, nor where it cannot be read."""
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        found = {name: values.get(name) for name in NAMES}
    except (OSError, ValueError, AttributeError):
        return {}
    return found if all(isinstance(value, str) for value in found.values()) else {}


def require_place(folder: Path, *, exported: bool) -> None:
    """Refuse to write a checkpoint (or an export) over a model of another kind.

    Raises:
        CheckpointError: the folder holds graphs, weights, or a model of another program.
    """
    if not (folder / CONFIG).exists():
        return
    try:
        WavCubeConfig.load(folder / CONFIG)
        there = "graphs" if (folder / EXPORT_MANIFEST).exists() else "a checkpoint"
    except ConfigError:
        there = "another program's model"
    if there != ("graphs" if exported else "a checkpoint"):
        raise CheckpointError(f"{folder}: holds {there}, which would be replaced; give another folder")


def check_tensors(weights: dict[str, Tensor], expected: dict[str, Tensor], source: str) -> None:
    """Refuse weights with tensors missing, unexpected or of another shape than `expected`, and name them."""
    missing = set(expected) - set(weights)
    unexpected = set(weights) - set(expected)
    misshapen = [
        f"{key} is {list(weights[key].shape)}, not {list(expected[key].shape)}"
        for key in set(weights) & set(expected)
        if weights[key].shape != expected[key].shape
    ]
    refuse_misfits(source, missing=missing, unexpected=unexpected, misshapen=misshapen)


def refuse_misfits(source: str, *, missing: Iterable[str], unexpected: Iterable[str], misshapen: Iterable[str]) -> None:
    """Raise a CheckpointError that names tensors which do not fit the configuration, if there are any."""
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (
            ("tensors missing", sorted(missing)),
            ("tensors unexpected", sorted(unexpected)),
            ("tensors of another size", sorted(misshapen)),
        )
        if names
    ]
    if faults:
        raise CheckpointError(f"{source}: the weights do not fit the configuration: {'; '.join(faults)}")


def _weight_files(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Files with the tensors, and what an index says of them (shards do not)."""
    index = folder / INDEX
    if not index.is_file():
        return [folder / WEIGHTS], {}
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = sorted({Path(name).name for name in content["weight_map"].values()})
        return [folder / name for name in names], dict(content.get("metadata", {}))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index}: damaged ({error}); copy the whole folder again") from error


def model_folder(name: str | Path | None, source: HubSource = HubSource()) -> Path:
    """The folder of a checkpoint: the packaged one, a local one (or that of a run), or one downloaded from the hub.

    `name`: None or "packaged" is the packaged one.
    """
    if name is None or (name == "packaged" and not Path(name).exists()):
        if not (PACKAGED / CONFIG).is_file():
            raise CheckpointError("no trained model is packaged yet; name a checkpoint folder or a hub id")
        return source.in_folder(PACKAGED)
    folder = Path(name)
    if folder.is_dir():
        folder = source.in_folder(folder)
        if not (folder / CONFIG).is_file():
            if folder.is_dir() and (found := model_of_run(folder, CONFIG)) is not None:
                return found
            there = list(folder.iterdir()) if folder.is_dir() else []
            official = [file.name for file in there if file.suffix in {".ckpt", ".pt", ".pth"}]
            advice = f"; convert {official[0]} with `wavcube convert`" if official else ""
            raise CheckpointError(f"{folder}: not a wavcube checkpoint, it has no {CONFIG}{advice}")
        return folder
    if folder.is_file():
        advice = "convert it with `wavcube convert`" if folder.suffix in {".ckpt", ".pt", ".pth"} else "name its folder"
        raise CheckpointError(f"{folder}: a checkpoint is a folder with {CONFIG} and {WEIGHTS}; {advice}")
    if isinstance(name, Path) or str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
        raise CheckpointError(f"{name}: no such folder")
    folder = download(str(name), source, [CONFIG, INDEX, "model*.safetensors"])
    if not (folder / CONFIG).is_file():
        where = f" in {source.subfolder}" if source.subfolder else ""
        raise CheckpointError(f"{name}: the hub's model has no {CONFIG}{where}, so it is no wavcube checkpoint")
    return folder
