"""A model as ONNX or OpenVINO graphs of any length, and the same `WavCube` interface over them.

Four graphs, batch 1, one tensor in and one out: `encoder` (normalised waveform [1, S] -> features [1, T, H]),
`compressor` (-> latent [1, T, C]), `decoder` (-> coarse frames before their norm [1, 2 T + 1, D]) and `vocoder` (coarse
frames after it -> waveform). Norms over a whole recording are outside, so that long audio goes through in chunks as it
does in torch. The inverse STFT is a transposed convolution, as the runtimes have none of complex numbers.
"""

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.errors import CheckpointError, ConfigError, MissingDependencyError
from wavcube.representation.bottleneck import Bottleneck
from wavcube.representation.checkpoint import CONFIG, EXPORT_MANIFEST, STATISTICS
from wavcube.representation.config import WavCubeConfig
from wavcube.representation.decoder import Upsampler
from wavcube.representation.encoder import normalize_waveform
from wavcube.representation.model import WavCube

Backend = Literal["onnx", "openvino"]
SMALL_PARTS = "parts.safetensors"
"""The coarse frames' norm, and latent statistics where known."""

SUFFIX = {"onnx": ".onnx", "openvino": ".xml"}
LENGTHS = (1.0, 0.4, 0.025, 2.3)
"""Seconds at which the graphs are compared with torch before they are kept; the first is the example traced."""

BOUND = 1e-4
"""Largest relative L2 difference from torch."""


class EncoderGraph(nn.Module):
    """Normalised waveform [1, S] -> features [1, T, H]."""

    def __init__(self, model: WavCube) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, waveform: Tensor) -> Tensor:
        return self.encoder.encode_normalized(waveform)[0]


class CompressorGraph(nn.Module):
    """Features [1, T, H] -> latent [1, T, C]."""

    def __init__(self, model: WavCube) -> None:
        super().__init__()
        self.compressor = model.compressor

    def forward(self, features: Tensor) -> Tensor:
        return self.compressor(features).latent


class DecoderGraph(nn.Module):
    """Latent [1, T, C] -> coarse frames before their norm [1, 2 T + 1, D]."""

    def __init__(self, model: WavCube) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, latent: Tensor) -> Tensor:
        return self.decoder.coarse(latent)


class VocoderGraph(nn.Module):
    """Coarse frames after their norm [1, F, D] -> waveform [1, 160 F]."""

    basis: Tensor
    window: Tensor

    def __init__(self, model: WavCube) -> None:
        super().__init__()
        self.vocoder = model.decoder.vocoder
        n_fft = self.vocoder.config.n_fft
        window = torch.hann_window(n_fft, dtype=torch.float64)
        bins, times = torch.arange(n_fft // 2 + 1, dtype=torch.float64), torch.arange(n_fft, dtype=torch.float64)
        angle = 2 * math.pi * bins[:, None] * times / n_fft
        # Bins between the ends stand for their mirror images as well.
        scale = torch.full((len(bins), 1), 2.0 / n_fft, dtype=torch.float64)
        scale[0] = scale[-1] = 1.0 / n_fft
        inverse = torch.cat([scale * angle.cos(), -scale * angle.sin()]) * window
        self.register_buffer("basis", inverse.float()[:, None], persistent=False)  # [n_fft + 2, 1, n_fft]
        self.register_buffer("window", window.square().float()[None, None], persistent=False)

    def forward(self, coarse: Tensor) -> Tensor:
        config = self.vocoder.config
        spectrum = torch.cat(self.vocoder.predict(coarse, None), dim=-1).transpose(1, 2)
        cut = (config.n_fft - config.hop) // 2
        signal = F.conv_transpose1d(spectrum, self.basis, stride=config.hop)[:, 0, cut:-cut]
        envelope = F.conv_transpose1d(torch.ones_like(spectrum[:, :1]), self.window, stride=config.hop)[:, 0, cut:-cut]
        return signal / envelope


def export(model: WavCube, folder: str | Path, backend: Backend) -> dict[str, float]:
    """Write the graphs of `model` and what belongs to them into `folder`; `WavCube.from_pretrained` loads it.

    Returns:
        The largest relative L2 difference from torch that each graph has shown.

    Raises:
        MissingDependencyError: the packages of the backend are not installed.
        ConfigError: a model of 25 Hz or with a group norm over time, whose graphs could not do long audio.
        CheckpointError: a graph differs from torch, or the folder cannot be written.
    """
    if model.config.bottleneck.pooling != 1 or model.config.encoder.conv_norm != "layer":
        raise ConfigError("only models of 50 Hz whose encoder has layer norms in its front end can be exported")
    if model.optimized:
        raise ConfigError("a model that was prepared with optimize() cannot be exported; export it before")
    model = model.to("cpu", torch.float32)
    hop, folder = model.hop_length, Path(folder)
    examples: Mapping[str, tuple[nn.Module, Callable[[int], Tensor]]] = {
        "encoder": (EncoderGraph(model), lambda samples: torch.randn(1, samples)),
        "compressor": (
            CompressorGraph(model),
            lambda samples: torch.randn(1, max(1, samples // hop), model.config.encoder.width),
        ),
        "decoder": (DecoderGraph(model), lambda samples: torch.randn(1, max(1, samples // hop), model.latent_dim)),
        "vocoder": (
            VocoderGraph(model),
            lambda samples: torch.randn(1, max(2, samples // 160), model.config.decoder.coarse_dim),
        ),
    }
    torch.manual_seed(0)
    differences = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
            temporary = Path(name)
            for part, (graph, example) in examples.items():
                write = _write_onnx if backend == "onnx" else _write_openvino
                write(graph.eval(), example(16_000), temporary / f"{part}{SUFFIX[backend]}")
                session = open_session(temporary / f"{part}{SUFFIX[backend]}", backend)
                differences[part] = max(_difference(graph, session, example(round(16_000 * s))) for s in LENGTHS)
                del session
                if not differences[part] < BOUND:
                    raise CheckpointError(f"{folder}: the {part} graph differs from torch by {differences[part]:.1e}")
            norm = {f"norm.{key}": value for key, value in model.decoder.upsampler.norm.state_dict().items()}
            known = {key: getattr(model, key) for key in STATISTICS}
            small = norm | {key: value for key, value in known.items() if value is not None}
            save_file({key: value.contiguous() for key, value in small.items()}, temporary / SMALL_PARTS)
            (temporary / EXPORT_MANIFEST).write_text(
                json.dumps({"backend": backend, "identity": model.identity}) + "\n"
            )
            model.config.save(temporary / CONFIG)
            for file in sorted(temporary.iterdir(), key=lambda file: file.name == CONFIG):
                os.replace(file, folder / file.name)
    except OSError as error:
        raise CheckpointError(f"{folder}: the export cannot be written ({error})") from error
    return differences


def _difference(graph: nn.Module, session: "Session", example: Tensor) -> float:
    with torch.no_grad():
        expected = graph(example)
    return float((session(example) - expected).norm() / expected.norm())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's reports of its progress and of packages that it would also know."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _write_onnx(graph: nn.Module, example: Tensor, path: Path) -> None:
    try:
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise _missing("onnx") from error
    from torch.nn.attention import SDPBackend, sdpa_kernel

    shortest = {"encoder": 400, "compressor": 1, "decoder": 1, "vocoder": 2}[path.stem]
    size = torch.export.Dim("size", min=shortest)
    # The fused attention kernel's memory layout is not one that the exporter can follow.
    with _quiet(), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        program = torch.onnx.export(graph, (example,), dynamo=True, dynamic_shapes=({1: size},), verbose=False)
    assert program is not None
    program.save(str(path))


def _write_openvino(graph: nn.Module, example: Tensor, path: Path) -> None:
    try:
        import openvino
    except ImportError as error:
        raise _missing("openvino") from error

    with tempfile.TemporaryDirectory() as name:
        onnx = Path(name) / f"{path.stem}.onnx"
        _write_onnx(graph, example, onnx)
        openvino.save_model(openvino.convert_model(onnx), path, compress_to_fp16=False)


def _missing(backend: str) -> MissingDependencyError:
    return MissingDependencyError(
        f'the {backend} backend needs packages that are not here: pip install "wavcube[{backend}]"'
    )


# Running


Session = Callable[[Tensor], Tensor]
"""A graph in its runtime."""


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
        raise _missing(backend) from error
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
    """In the place of the speech encoder: items of a batch one by one."""

    def __init__(self, session: Session, config: WavCubeConfig) -> None:
        super().__init__()
        self.session, self.config = session, config.encoder

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.config.normalize_waveform:
            waveform = normalize_waveform(waveform, lengths)
        return _each(self.session, waveform, lengths)

    def encode_normalized(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: None = None
    ) -> tuple[Tensor, Tensor]:
        return _each(self.session, waveform, lengths)


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
        self.upsampler = Upsampler(1, config.decoder.coarse_dim, kernel=3)  # of which only the norm is used

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        return _each(self._decode, latent, lengths)[0]

    def coarse(self, latent: Tensor, statistics: None = None) -> Tensor:
        return self.session(latent)

    def _decode(self, latent: Tensor) -> Tensor:
        coarse = self.session(latent)
        moments = self.upsampler.moments(coarse, torch.ones(coarse.shape[:2], dtype=torch.bool))
        return self.vocoder(self.upsampler.normalize(coarse, *moments)[:, : 2 * latent.shape[1]])


def _each(run: Session, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Run a graph of batch 1 on every item of a padded batch; a padded batch and its lengths."""
    counts = [values.shape[1]] * len(values) if lengths is None else lengths.tolist()
    results = [run(item[None, :count])[0] for item, count in zip(values, counts, strict=True)]
    return pad_sequence(results, batch_first=True), torch.tensor([len(result) for result in results])


class ExportedWavCube(WavCube):
    """A `WavCube` whose parts are graphs of another runtime, on the CPU."""

    def __init__(self, config: WavCubeConfig, sessions: dict[str, Session]) -> None:
        with torch.device("meta"):
            super().__init__(dataclasses.replace(config, restorer=False, teacher=False))
        self.encoder = ExportedEncoder(sessions["encoder"], config)  # type: ignore[assignment]
        self.compressor = ExportedCompressor(sessions["compressor"])  # type: ignore[assignment]
        self.decoder = ExportedDecoder(sessions["decoder"], sessions["vocoder"], config)  # type: ignore[assignment]
        self.optimized = True

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32


def load_exported(folder: Path, dtype: torch.dtype | None) -> ExportedWavCube:
    """What `export` has written; see `WavCube.from_pretrained`."""
    config = WavCubeConfig.load(folder / CONFIG)
    try:
        manifest = json.loads((folder / EXPORT_MANIFEST).read_text(encoding="utf-8"))
        backend, identity = manifest["backend"], manifest["identity"]
        small = load_file(folder / SMALL_PARTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder}: a half-written or damaged export ({error}); export the model again"
        ) from error
    if dtype not in (None, torch.float32) and not (backend == "openvino" and dtype == torch.bfloat16):
        raise ConfigError(f"{folder}: computes in float32 (an openvino export also in bfloat16), not in {dtype}")
    parts = ("encoder", "compressor", "decoder", "vocoder")
    files = {part: folder / f"{part}{SUFFIX[backend]}" for part in parts}
    model = ExportedWavCube(
        config, {part: open_session(file, backend, dtype or torch.float32) for part, file in files.items()}
    )
    norm = {key.removeprefix("norm."): value for key, value in small.items() if key.startswith("norm.")}
    model.decoder.upsampler.norm.load_state_dict(norm)
    for key in STATISTICS:
        model.register_buffer(key, small.get(key))
    model.identity = identity
    return model
