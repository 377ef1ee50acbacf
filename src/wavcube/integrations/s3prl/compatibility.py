"""Stand-ins that s3prl 0.4.18 needs on current libraries: parts of torchaudio, and names that huggingface_hub dropped.

s3prl reads audio through torchaudio, whose current builds lack the functions it calls and do not load beside every
torch. What its SUPERB recipes use of it is little: reading files, resampling, and three sox effects. That is given
here on soundfile and soxr, under torchaudio's name, in this process only.
"""

import argparse
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor, nn

from wavcube.errors import WavCubeError


def make_compatible() -> None:
    """Put the stand-ins in place; s3prl is to be imported after this."""
    # transformers looks at the real torchaudio, so it must be loaded before the stand-in is there.
    import transformers  # noqa: F401

    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _TorchaudioFinder())
    fill_gaps()


def fill_gaps() -> None:
    """What s3prl needs even beside a torchaudio of its own; before its runner is imported, after its list of models."""
    _complete_huggingface_hub()
    # Its checkpoints hold the command line's arguments, which torch reads only if told that they are harmless.
    torch.serialization.add_safe_globals([argparse.Namespace])


def load(
    path: str | Path, frame_offset: int = 0, num_frames: int = -1, normalize: bool = True, channels_first: bool = True
) -> tuple[Tensor, int]:
    """A recording's samples [channels, S] in [-1, 1] and its rate in Hz."""
    samples, rate = soundfile.read(path, num_frames, frame_offset, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T if channels_first else samples), rate


def save(path: str | Path, samples: Tensor, sample_rate: int) -> None:
    """Write samples [channels, S]."""
    soundfile.write(path, samples.numpy().T, sample_rate)


def info(path: str | Path) -> types.SimpleNamespace:
    """Header of a recording, with torchaudio's names."""
    header = soundfile.info(path)
    return types.SimpleNamespace(sample_rate=header.samplerate, num_frames=header.frames, num_channels=header.channels)


def apply_effects_tensor(
    samples: Tensor, sample_rate: int, effects: Sequence[Sequence[str]], channels_first: bool = True
) -> tuple[Tensor, int]:
    """The sox effects that SUPERB's recipes use: channels 1, rate, gain, norm.

    Raises:
        WavCubeError: another effect.
    """
    for effect, *arguments in effects:
        match effect:
            case "channels" if arguments == ["1"]:
                samples = samples.mean(0, keepdim=True)
            case "rate":
                samples = resample(samples, sample_rate, int(arguments[0]))
                sample_rate = int(arguments[0])
            case "gain" if len(arguments) == 1:
                samples = samples * 10 ** (float(arguments[0]) / 20)
            case "norm" if not arguments:
                samples = samples / samples.abs().max().clamp_min(1e-9)
            case _:
                raise WavCubeError(f"the sox effect {effect} {' '.join(arguments)} has no stand-in; install torchaudio")
    return samples, sample_rate


def apply_effects_file(path: str | Path, effects: Sequence[Sequence[str]], **options: Any) -> tuple[Tensor, int]:
    """As `apply_effects_tensor`, of a recording."""
    return apply_effects_tensor(*load(path), effects)


def resample(samples: Tensor, rate: int, target_rate: int) -> Tensor:
    """Samples [channels, S] at another rate."""
    if rate == target_rate:
        return samples
    return torch.from_numpy(np.ascontiguousarray(soxr.resample(samples.numpy().T, rate, target_rate).T))


class Resample(nn.Module):
    """torchaudio.transforms.Resample."""

    def __init__(self, orig_freq: int = 16_000, new_freq: int = 16_000, **options: Any) -> None:
        super().__init__()
        self.rates = orig_freq, new_freq

    def forward(self, samples: Tensor) -> Tensor:
        return resample(samples, *self.rates)


CONTENTS: dict[str, dict[str, Any]] = {
    "torchaudio": {
        "load": load,
        "save": save,
        "info": info,
        "set_audio_backend": lambda name: None,
        "__version__": "0.0.0+wavcube",
    },
    "torchaudio.sox_effects": {
        "apply_effects_file": apply_effects_file,
        "apply_effects_tensor": apply_effects_tensor,
    },
    "torchaudio.transforms": {"Resample": Resample},
}


class _StandIn(types.ModuleType):
    """A module that reports what is missing when it is used, not when it is imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def absent(*arguments: Any, **options: Any) -> Any:
            raise WavCubeError(f"{self.__name__}.{name} has no stand-in; this part of s3prl needs torchaudio itself")

        return absent


class _TorchaudioFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.split(".")[0] != "torchaudio":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update(CONTENTS.get(module.__name__, {}))


def _complete_huggingface_hub() -> None:
    """s3prl imports these two at its start and uses them only to publish models."""
    import huggingface_hub

    for name in ("HfFolder", "Repository"):
        if not hasattr(huggingface_hub, name):
            setattr(huggingface_hub, name, type(name, (), {}))
