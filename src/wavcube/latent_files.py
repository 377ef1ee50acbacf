"""Latents on disk: the three file formats, and the refusal of files that are not whole or not ours.

`.safetensors`: the tensors `values` (`[T, C]` of one item, or `[B, T, C]`), `lengths` `[B]` and, if known, `samples`
`[B]`; in the header, as text, `format`, `version`, `frame_rate`, `sample_rate`, `model` if known, and `metadata`, a
JSON list with one object of texts an item. `.pt`: the same as one dictionary of tensors and plain values, readable with
`weights_only=True`. `.npy`: the array `[T, C]` of one item, which is what `numpy.load` reads; behind it, as
`numpy.save` allows, a second one with the bytes of the metadata.
"""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from wavcube.errors import LatentsError
from wavcube.files import atomic_path, reason, utf8_path

FORMAT, FORMAT_VERSION = "wavcube-latents", 1

LATENT_SUFFIXES = frozenset({".safetensors", ".npy", ".pt"})
"""The suffixes of latents."""


def write_latents(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write tensors (on the CPU) and header by the suffix of `path`, whole or not at all.

    Raises:
        LatentsError: another suffix, several items for `.npy`, no such folder, or a disk that refuses.
    """
    _check_suffix(path)
    if not path.parent.is_dir():
        raise LatentsError(f"{path}: the folder {path.parent} does not exist; make it first")
    values = tensors["values"]
    if path.suffix.lower() == ".npy" and values.dim() != 2:
        raise LatentsError(f"{path}: an .npy file holds one item, not {len(values)}; use .safetensors")
    header = {"format": FORMAT, "version": FORMAT_VERSION, **header}
    try:
        # All formats through memory: of a full disk only Python itself says clearly what is wrong.
        content = _encoded(path.suffix.lower(), header, tensors)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise LatentsError(f"{path}: cannot be written ({reason(error)})") from error


def _encoded(suffix: str, header: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """The file of latents as bytes."""
    memory = io.BytesIO()
    if suffix == ".npy":
        values = tensors["values"]
        np.save(memory, (values.float() if values.dtype == torch.bfloat16 else values).numpy())
        if any(header["metadata"]):
            np.save(memory, np.frombuffer(json.dumps(header["metadata"]).encode(), np.uint8))
    elif suffix == ".pt":
        torch.save({**header, **tensors}, memory)
    else:
        texts = {key: text if isinstance(text, str) else json.dumps(text) for key, text in header.items()}
        return save(tensors, metadata=texts)
    return memory.getvalue()


def read_latents(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read header and tensors, onto the CPU. Of an `.npy` file there are `metadata` at most, and `values`.

    Raises:
        LatentsError: the file is missing, half-written, made by something else or by another version.
    """
    _check_suffix(path)
    if not path.is_file():
        there = "is no regular file; copy it to one first" if path.exists() else "no such file"
        raise LatentsError(f"{path}: {there}")
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    header, tensors = _read_pt(path) if path.suffix.lower() == ".pt" else _read_safetensors(path)
    _check_content(path, header, tensors)
    return header, tensors


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in LATENT_SUFFIXES:
        raise LatentsError(f"{path}: latents are kept in .safetensors, .npy or .pt files, not '{path.suffix}'")


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with utf8_path(path) as name, safe_open(name, framework="pt") as file:
            texts = file.metadata() or {}
            _check_format(path, texts)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dictionary)
        plain = ("format", "model")
        return {key: text if key in plain else json.loads(text) for key, text in texts.items()}, tensors
    except (SafetensorError, OSError, RuntimeError, json.JSONDecodeError) as error:
        raise _foreign(path, error) from error


def _read_pt(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how a damaged file was pickled
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged pickle anything may come, struct.error and AttributeError included
        # Not torch's own words: of a pickle that it refuses they are a page on how to load it unsafely.
        raise _foreign(path, type(error).__name__) from error
    if not isinstance(content, dict):
        raise _foreign(path, f"it is a {type(content).__name__}")
    _check_format(path, content)
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    return {key: value for key, value in content.items() if key not in tensors}, tensors


def _read_npy(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    header: dict[str, Any] = {}
    try:
        with path.open("rb") as file:
            values = np.load(file, allow_pickle=False)
            if file.read(1):
                file.seek(-1, io.SEEK_CUR)
                header["metadata"] = json.loads(np.load(file, allow_pickle=False).tobytes())
    except Exception as error:  # of a damaged header also SyntaxError and MemoryError
        raise _foreign(path, error) from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f":
        raise _foreign(path, "it is not one array of floats [frames, channels]")
    # torch knows neither the other byte order nor floats of more than 64 bits.
    values = values.astype(np.float32 if values.dtype.itemsize > 4 else values.dtype.newbyteorder("="), copy=False)
    return header, {"values": torch.from_numpy(values)}


def _check_format(path: Path, header: dict[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise _foreign(path, f"its format is {header.get('format')!r}, not {FORMAT!r}")
    if str(header.get("version")) != str(FORMAT_VERSION):
        raise LatentsError(
            f"{path}: has version {header.get('version')} of the format, this wavcube reads version {FORMAT_VERSION}; "
            "use the wavcube that wrote it"
        )


def _check_content(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Refuse a file that names our format but lacks something, or has it of another type."""
    types: dict[str, type | tuple[type, ...]] = {"frame_rate": (int, float), "sample_rate": int, "metadata": list}
    for key, expected in types.items():
        if not isinstance(header.get(key), expected):
            raise _foreign(path, f"{key} is {header.get(key)!r}")
    if not isinstance(header.get("model"), str | None):
        raise _foreign(path, f"model is {header['model']!r}")
    texts = [text for entry in header["metadata"] for text in (entry.values() if isinstance(entry, dict) else [None])]
    if not all(isinstance(text, str) for text in texts):
        raise _foreign(path, "metadata of an item is not an object of texts")
    for name in ("values", "lengths"):
        if name not in tensors:
            raise _foreign(path, f"no tensor {name!r}")


def _foreign(path: Path, reason: object) -> LatentsError:
    return LatentsError(f"{path}: holds no whole latents ({reason}); encode the recording again")
