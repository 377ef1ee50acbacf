"""The folder of a generating model: config.json and model.safetensors, written whole and read strictly."""

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from wavcube.codec.checkpoint.folder import check_tensors
from wavcube.errors import CheckpointError
from wavcube.files import atomic_path, follow_umask, reason, saying_when_full
from wavcube.run_layout import model_of_run

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class SavedConfig(Protocol):
    """A configuration that writes itself."""

    def save(self, path: Path) -> None: ...


def write_model_folder(
    folder: str | Path,
    config: SavedConfig,
    weights: dict[str, Tensor],
    dtype: torch.dtype | None = None,
    as_they_are: Collection[str] = (),
) -> None:
    """Write a model's folder; each file appears whole, the configuration last.

    Args:
        folder: made where it does not exist.
        config: of the model.
        weights: all of its state.
        dtype: of the weights in the file; None for what they are in.
        as_they_are: names of tensors that keep their type.

    Raises:
        CheckpointError: the disk refuses.
    """
    folder = Path(folder)
    kept = {
        key: value.detach().to("cpu", value.dtype if key in as_they_are or dtype is None else dtype).contiguous()
        for key, value in weights.items()
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            saying_when_full(folder / WEIGHTS),
            tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as temporary,
        ):
            save_file(kept, Path(temporary) / WEIGHTS, metadata={"format": "pt"})
            config.save(Path(temporary) / CONFIG)
            follow_umask(Path(temporary) / WEIGHTS)
            for name in (WEIGHTS, CONFIG):
                os.replace(Path(temporary) / name, folder / name)
    except OSError as error:
        raise CheckpointError(f"{folder}: the model cannot be written ({reason(error)})") from error


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a model's folder, mapped from its file.

    Raises:
        CheckpointError: the file is missing, half-written or damaged.
    """
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dictionary)
    except (SafetensorError, OSError) as error:
        what = "half-written or damaged" if (folder / WEIGHTS).exists() else "missing"
        raise CheckpointError(f"{folder / WEIGHTS}: {what} ({reason(error)}); copy the whole folder") from error


def load_weights(model: nn.Module, weights: dict[str, Tensor], folder: Path) -> None:
    """Give a model without weights those of its folder, in float32.

    Raises:
        CheckpointError: tensors are missing, unexpected or of another shape; they are named.
    """
    check_tensors(weights, model.state_dict(), str(folder))
    # Copied, since loaded tensors are mapped from a file that may be replaced.
    model.load_state_dict({key: value.float().clone() for key, value in weights.items()}, assign=True)


def export_model(checkpoint: Path, folder: Path, card: str) -> None:
    """Copy the model of a training's checkpoint into a folder, each file whole, with `card` as its README.md."""
    folder.mkdir(exist_ok=True)
    for name in (WEIGHTS, CONFIG):
        with atomic_path(folder / name) as temporary:
            shutil.copy(checkpoint / name, temporary)
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8")


def find_model_folder(folder: Path, what: str) -> Path:
    """The folder of a model, where `folder` may also be that of a training run; `what` is what errors call the model.

    Raises:
        CheckpointError: there is none.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder of a {what}")
    if (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file():
        return folder
    found = model_of_run(folder, CONFIG, WEIGHTS)
    if found is None:
        raise CheckpointError(f"{folder}: holds no {what} ({CONFIG} and {WEIGHTS})")
    return found
