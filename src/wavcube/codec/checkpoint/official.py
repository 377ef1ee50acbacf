"""Official WavCube checkpoints (Lightning .ckpt) -> our checkpoint folder: the only place that reads a pickle.

It is read with `weights_only=True`; foreign objects in it become inert placeholders, so nothing in the file is run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import Tensor

from wavcube.codec.checkpoint.folder import check_tensors, write_checkpoint
from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.codec.checkpoint.official_config import infer_config, read_config
from wavcube.codec.checkpoint.official_names import MODEL_PREFIXES, STUDENT, UNUSED, our_name
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class Conversion:
    """What a conversion found: the configuration, tensors kept, and tensors left behind by their first name part."""

    config: WavCubeConfig
    kept: int
    dropped: dict[str, int]


def convert_official(
    source: str | Path,
    target: str | Path,
    *,
    config: str | Path | None = None,
    stage: Literal[1, 2] | None = None,
    decoder_heads: int | None = None,
    vocoder_heads: int | None = None,
    keep_training_modules: bool = False,
    dtype: torch.dtype | None = None,
    max_shard_size: str = "5GB",
) -> Conversion:
    """Turn an official checkpoint of stage 1 or 2, of any size, into a folder that `WavCube.from_pretrained` loads.

    Sizes come from the weights. What those do not determine (attention heads of the decoder, the encoder's layer) comes
    from `config`, the heads given, or, at the published widths, the published values.

    Args:
        source: Lightning checkpoint, or a file with a bare state dict.
        target: folder to write.
        config: an official YAML or a wavcube config.json.
        stage: refuse a checkpoint of the other stage; None takes what it is.
        decoder_heads, vocoder_heads: attention heads of the acoustic decoder.
        keep_training_modules: keep the restorer, and for stage 2 the teacher, so that training can go on.
        dtype: of the written file; None keeps that of the source.

    Raises:
        CheckpointError: not such a checkpoint, of another stage, or tensors missing, unknown or of a wrong size.
        ConfigError: the configuration contradicts the weights, or heads are not known.
    """
    source = Path(source)
    with _opened(source) as state:
        return _convert(
            state,
            source,
            Path(target),
            config,
            stage,
            decoder_heads,
            vocoder_heads,
            keep_training_modules,
            dtype,
            max_shard_size,
        )


def _convert(
    state: dict[str, Tensor],
    source: Path,
    target: Path,
    config_path: str | Path | None,
    stage: int | None,
    decoder_heads: int | None,
    vocoder_heads: int | None,
    keep_training_modules: bool,
    dtype: torch.dtype | None,
    max_shard_size: str,
) -> Conversion:
    found: Literal[1, 2] = 2 if any(key.startswith(STUDENT) for key in state) else 1
    if stage is not None and stage != found:
        raise CheckpointError(f"{source}: is a checkpoint of stage {found}, not of stage {stage}")
    given = read_config(config_path) if config_path is not None else {}
    if isinstance(given, WavCubeConfig):
        if given.stage != found:
            raise ConfigError(f"{config_path}: is of stage {given.stage}, the weights of {source} of stage {found}")
        config = given
    else:
        config = infer_config(state, source, found, given, decoder_heads, vocoder_heads)
    config = replace(config, restorer=keep_training_modules, teacher=keep_training_modules and found == 2)
    names = {key: our_name(key, found) for key in state if key.startswith(MODEL_PREFIXES)}
    unknown = [key for key, name in names.items() if name is None and not UNUSED.search(key)]
    if unknown:
        raise CheckpointError(f"{source}: {len(unknown)} tensors of no known part, among them {', '.join(unknown[:3])}")
    expected = _expected(config)
    parts = {name.split(".")[0] for name in expected}
    optional = ("encoder.feature_norm.", "teacher.feature_norm.", "decoder.latent_upsampler.")
    tensors, dropped = {}, _count_foreign(state)
    for key, name in names.items():
        if name is None or name.split(".")[0] not in parts or (name.startswith(optional) and name not in expected):
            part = ".".join(key.split(".")[:2])
            dropped[part] = dropped.get(part, 0) + 1
        else:
            # The input projection is stored as a convolution of width one.
            tensors[name] = state[key].squeeze(-1) if name == "decoder.input.weight" else state[key]
    if config.encoder.feature_layer != -1 and "teacher.feature_norm.weight" in expected:
        # Both encoders share the one norm of a chosen layer.
        for leaf in ("weight", "bias"):
            tensors[f"teacher.feature_norm.{leaf}"] = tensors[f"encoder.feature_norm.{leaf}"].clone()
    tensors = _without_upper_layers(tensors, config)
    check_tensors(tensors, expected, str(source))
    write_checkpoint(target, config, tensors, dtype=dtype, max_shard_size=max_shard_size)
    return Conversion(config, len(tensors), dropped)


class _Placeholder:
    """Stands for any foreign object of a pickle (a logger, a path, a namespace): takes everything, does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


@contextmanager
def _opened(source: Path) -> Iterator[dict[str, Tensor]]:
    """The tensors of a checkpoint, mapped from the file."""
    if not source.is_file():
        raise CheckpointError(f"{source}: no such file; name the .ckpt file itself")
    try:
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except Exception:  # of any kind, from damaged bytes
        foreign = []  # else an older file format, which loads without foreign objects or not at all
    stubs: list[Any] = [(type("Placeholder", (_Placeholder,), {}), name) for name in foreign]
    try:
        with torch.serialization.safe_globals(stubs):
            try:
                content = torch.load(source, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                if "mmap" not in str(error):
                    raise
                content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        # Of other kinds the text is about the inside of an unpickler ("pop from empty list").
        says = isinstance(error, RuntimeError | OSError | UnpicklingError)
        reason = str(error).strip().split("\n")[0] if says else "its bytes make no sense"
        raise CheckpointError(
            f"{source}: not a checkpoint that can be read safely; it is damaged, half-written, or holds more than "
            f"weights ({reason})"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(str(key).startswith(MODEL_PREFIXES) for key in state):
        raise CheckpointError(
            f"{source}: no WavCube checkpoint; it has no tensors named feature_extractor.* or backbone.*"
        )
    yield {str(key): value for key, value in state.items() if isinstance(value, Tensor)}


def _count_foreign(state: dict[str, Tensor]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key in state:
        if not key.startswith(MODEL_PREFIXES):
            part = key.split(".")[0]
            counts[part] = counts.get(part, 0) + 1
    return counts


def _expected(config: WavCubeConfig) -> dict[str, Tensor]:
    with meta_init():
        return WavCubeNetworks(config).state_dict()


def _without_upper_layers(tensors: dict[str, Tensor], config: WavCubeConfig) -> dict[str, Tensor]:
    """Leave out encoder layers above a chosen one, and the final norm that only the last one needs."""
    if config.encoder.last_layer:
        return tensors
    upper = re.compile(r"^(encoder|teacher)\.encoder\.layers\.(\d+)\.")
    return {
        name: value
        for name, value in tensors.items()
        if not ((match := upper.match(name)) and int(match[2]) >= config.encoder.feature_layer)
    }
