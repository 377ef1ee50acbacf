"""Exported graphs in the places of a model's parts: `export` writes them, this runs them on the CPU."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.blocks.grouped_convolution import has_narrow_groups
from wavcube.codec.bottleneck import Bottleneck
from wavcube.codec.checkpoint.folder import CONFIG, EXPORT_MANIFEST, STATISTICS
from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.decoder import Upsampler
from wavcube.codec.encoder import MelPairs, normalize_waveform
from wavcube.codec.fingerprint import Names
from wavcube.codec.networks import WavCubeNetworks
from wavcube.codec.source_filter.decoder import N_FFT, PER_LATENT, SourceFilterDecoder
from wavcube.errors import CheckpointError, ConfigError, MissingDependencyError

Model = TypeVar("Model", bound=WavCubeNetworks)

Backend = Literal["onnx", "openvino"]
SMALL_PARTS = "parts.safetensors"
"""The vocoder input' norm, and latent statistics where known."""

SUFFIX: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml"}
PACKAGES = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
"""What exporting and running need; extras of the same names bring them."""

Session = Callable[[Tensor], Tensor]
"""A graph in its runtime: one tensor in, one out."""


def is_installed(backend: str) -> bool:
    """Whether graphs for `backend` can be written and run here."""
    return all(importlib.util.find_spec(package) is not None for package in PACKAGES[backend])


def missing(backend: str) -> MissingDependencyError:
    return MissingDependencyError(
        f'the {backend} backend needs packages that are not here: pip install "wavcube[{backend}]"'
    )


def open_session(path: Path, backend: str, dtype: torch.dtype = torch.float32) -> Session:
    """Open a graph; with `dtype` bfloat16 OpenVINO computes in it.

    Raises:
        MissingDependencyError: the runtime is not installed.
        CheckpointError: the file is missing or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path.parent}: {path.name} is missing; export the model again")
    try:
        run = _onnx_runtime(path) if backend == "onnx" else _openvino_runtime(path, dtype)
    except ImportError as error:
        raise missing(backend) from error
    except Exception as error:  # the runtimes' exceptions share no base class
        raise CheckpointError(f"{path}: no graph that can be run ({str(error).splitlines()[0]})") from error
    return lambda values: torch.from_numpy(np.array(run(values.float().contiguous().numpy())))


def _onnx_runtime(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def _openvino_runtime(path: Path, dtype: torch.dtype) -> Callable[[np.ndarray], np.ndarray]:
    import openvino

    settings: dict[str, Any] = {
        # Left alone it computes in bfloat16 wherever the processor can.
        "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    return lambda values: compiled(values)[0]


class ExportedEncoder(nn.Module):
    """In the place of the speech encoder: items of a batch one by one. What is normalised over them is torch's."""

    def __init__(self, session: Session, config: WavCubeConfig) -> None:
        super().__init__()
        self.session, self.config = session, config.encoder
        self.mel_pairs = MelPairs(config.encoder) if config.encoder.family == "wav2vec2-bert" else None

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.config.normalize_waveform:
            waveform = normalize_waveform(waveform, lengths)
        return self.encode_normalized(waveform, lengths)

    def encode_normalized(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.mel_pairs is None:
            return _each(self.session, waveform, lengths)
        frames = None if lengths is None else self.config.frame_counts(lengths)
        return _each(self.session, self.mel_pairs(waveform, lengths, statistics), frames)

    def statistics(self, waveform: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor] | None:
        """See `SpeechEncoder.statistics`."""
        return None if self.mel_pairs is None else self.mel_pairs.statistics(waveform, mean, scale)


class ExportedCompressor(nn.Module):
    """In the place of the semantic compressor."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Bottleneck:
        return Bottleneck(*_each(self.session, features, lengths))


class ExportedDecoder(nn.Module):
    """In the place of the acoustic decoder."""

    pooling = 1

    def __init__(self, decoder: Session, vocoder: Session, config: WavCubeConfig) -> None:
        super().__init__()
        self.session, self.vocoder, self.config = decoder, vocoder, config.decoder
        self.upsampler = Upsampler(1, config.decoder.vocoder_input_dim, kernel=3)  # of which only the norm is used

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        return _each(self._decode, latent, lengths)[0]

    def vocoder_input(self, latent: Tensor, statistics: None = None) -> Tensor:
        return self.session(latent)

    def _decode(self, latent: Tensor) -> Tensor:
        vocoder_input = self.session(latent)
        moments = self.upsampler.moments(vocoder_input, torch.ones(vocoder_input.shape[:2], dtype=torch.bool))
        return self.vocoder(self.upsampler.normalize(vocoder_input, *moments)[:, : 2 * latent.shape[1]])


class ExportedSourceFilterDecoder(SourceFilterDecoder):
    """In the place of a source-filter decoder: its networks are a graph, the synthesis stays as it is."""

    def __init__(self, session: Session, config: WavCubeConfig) -> None:
        nn.Module.__init__(self)  # there are no weights here
        self.session, self.config, self.bins = session, config.decoder.source_filter, N_FFT // 2 + 1

    def controls(self, latent: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pitch [B, 2 T, 2] and filters [B, 4 T, 4 * bins], see `SourceFilterDecoder.controls`."""
        values = _each(self.session, latent, lengths)[0]
        values = F.pad(values, (0, 0, 0, latent.shape[1] - values.shape[1]))
        pitch, filters = values.split([4, values.shape[2] - 4], dim=2)
        return pitch.unflatten(2, (2, 2)).flatten(1, 2), filters.unflatten(2, (PER_LATENT, -1)).flatten(1, 2)


def _each(run: Session, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Run a graph of batch 1 on every item of a padded batch; a padded batch and its lengths."""
    counts = [values.shape[1]] * len(values) if lengths is None else lengths.tolist()
    results = [run(item[None, :count])[0] for item, count in zip(values, counts, strict=True)]
    return pad_sequence(results, batch_first=True), torch.tensor([len(result) for result in results])


def require_runnable(
    backend: str, source: str | Path, device: str | torch.device | None, dtype: torch.dtype | None
) -> None:
    """Refuse a device or a type that graphs for `backend` cannot compute on or in.

    Raises:
        ConfigError: names `source`, the folder or the backend.
    """
    if str(device or "cpu").split(":")[0] != "cpu":
        raise ConfigError(f"{source}: computes on the CPU, not on {device}")
    if dtype not in (None, torch.float32) and not (backend == "openvino" and dtype == torch.bfloat16):
        raise ConfigError(f"{source}: computes in float32 (openvino also in bfloat16), not in {dtype}")


def load_exported(kind: type[Model], folder: Path, dtype: torch.dtype | None) -> Model:
    """A model of class `kind` whose parts are the graphs that `export` has written; see `WavCube.from_pretrained`."""
    config = WavCubeConfig.load(folder / CONFIG)
    manifest = read_manifest(folder)
    backend = manifest["backend"]
    require_runnable(backend, folder, None, dtype)
    try:
        small = load_file(folder / SMALL_PARTS)
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, error) from error
    parts = ["encoder", "compressor", "decoder"]
    if config.decoder.architecture != "source-filter":
        parts.append("vocoder")
    files = {part: folder / f"{part}{SUFFIX[backend]}" for part in parts}
    types = dict.fromkeys(parts, dtype or torch.float32)
    if has_narrow_groups(config.encoder.width, config.encoder.position_groups):
        types["encoder"] = torch.float32  # OpenVINO's convolutions are oneDNN's too
    sessions = {part: open_session(file, backend, types[part]) for part, file in files.items()}
    with meta_init():
        model = kind(dataclasses.replace(config, restorer=False, teacher=False))
    decoder: nn.Module
    if "vocoder" in sessions:
        decoder = ExportedDecoder(sessions["decoder"], sessions["vocoder"], config)
        norm = {key.removeprefix("norm."): value for key, value in small.items() if key.startswith("norm.")}
        decoder.upsampler.norm.load_state_dict(norm)
    else:
        decoder = ExportedSourceFilterDecoder(sessions["decoder"], config)
    model.encoder = ExportedEncoder(sessions["encoder"], config)  # type: ignore[assignment]
    model.compressor = ExportedCompressor(sessions["compressor"])  # type: ignore[assignment]
    model.decoder = decoder  # type: ignore[assignment]
    model.backend = backend
    for key in STATISTICS:
        model.register_buffer(key, small.get(key))
    precision = str(dtype or torch.float32).removeprefix("torch.")
    model.prepared_as(Names(manifest["identity"], manifest["weights"], precision))
    return model.requires_grad_(False).eval()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The contents of a folder's export.json: `backend`, `identity` and `source`.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        manifest = json.loads((folder / EXPORT_MANIFEST).read_text(encoding="utf-8"))
        if manifest["backend"] not in SUFFIX:
            raise ValueError(f"no backend {manifest['backend']!r}")
        return {"source": None, "weights": manifest["identity"], **manifest}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{folder}: a half-written or damaged export ({error}); export the model again")
