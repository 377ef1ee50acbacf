"""A model as ONNX or OpenVINO graphs of any length (`exported` runs them).

Graphs of batch 1, one tensor in and one out: `encoder` (normalised waveform [1, S], or w2v-BERT's normalised log-mel
[1, T, 2 * bins], -> features [1, T, H]), `compressor` (-> latent [1, T, C]), `decoder` (-> vocoder input before its
norm [1, 2 T + 1, D]) and `vocoder` (that after it -> waveform). Norms over a whole recording are outside, so that long
audio goes through in chunks as it does in torch. The inverse STFT is a transposed convolution, as the runtimes have
none of complex numbers. Of a source-filter decoder the networks alone are a graph, `decoder` (-> pitch and filters of
every frame); its synthesis, a hundredth of the work, is torch's.
"""

import copy
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from wavcube.codec.checkpoint.folder import CONFIG, EXPORT_MANIFEST, STATISTICS, require_place
from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.inference.evaluated import evaluated
from wavcube.codec.inference.exported import SMALL_PARTS, SUFFIX, Backend, Session, missing, open_session
from wavcube.codec.networks import WavCubeNetworks
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.errors import CheckpointError, ConfigError
from wavcube.files import follow_umask, reason, saying_when_full
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE, WINDOW_LENGTH

LENGTHS = (1.0, 0.4, 0.025, 2.3)
"""Seconds at which the graphs are compared with torch before they are kept; the first is the example traced."""

BOUND = 1e-4
"""Largest relative L2 difference from torch."""


class EncoderGraph(nn.Module):
    """Normalised waveform [1, S] -> features [1, T, H]."""

    def __init__(self, model: WavCubeNetworks) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, waveform: Tensor) -> Tensor:
        return self.encoder.encode_normalized(waveform)[0]


class ConformerGraph(nn.Module):
    """What w2v-BERT takes in, pairs of log-mel frames normalised over the recording [1, T, 2 * bins] -> features."""

    def __init__(self, model: WavCubeNetworks) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, pairs: Tensor) -> Tensor:
        return self.encoder.encode_extracted(pairs)[0]


class CompressorGraph(nn.Module):
    """Features [1, T, H] -> latent [1, T, C]."""

    def __init__(self, model: WavCubeNetworks) -> None:
        super().__init__()
        self.compressor = model.compressor

    def forward(self, features: Tensor) -> Tensor:
        return self.compressor(features).latent


class DecoderGraph(nn.Module):
    """Latent [1, T, C] -> vocoder input before its norm [1, 2 T + 1, D]."""

    def __init__(self, decoder: AcousticDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor) -> Tensor:
        return self.decoder.vocoder_input(latent)


class VocoderGraph(nn.Module):
    """Vocoder input after its norm [1, F, D] -> waveform [1, 160 F]."""

    basis: Tensor
    window: Tensor

    def __init__(self, decoder: AcousticDecoder) -> None:
        super().__init__()
        self.vocoder = decoder.vocoder
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

    def forward(self, vocoder_input: Tensor) -> Tensor:
        config = self.vocoder.config
        spectrum = torch.cat(self.vocoder.predict(vocoder_input, None), dim=-1).transpose(1, 2)
        cut = (config.n_fft - config.hop_length) // 2
        signal = F.conv_transpose1d(spectrum, self.basis, stride=config.hop_length)[:, 0, cut:-cut]
        envelope = F.conv_transpose1d(torch.ones_like(spectrum[:, :1]), self.window, stride=config.hop_length)[
            :, 0, cut:-cut
        ]
        return signal / envelope


class SourceFilterGraph(nn.Module):
    """Latent [1, T, C] -> pitch and filters of every frame [1, T, 4 + 16 bins]."""

    def __init__(self, decoder: SourceFilterDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor) -> Tensor:
        pitch, filters = self.decoder.controls(latent)
        return torch.cat([pitch.reshape(1, -1, 4), filters.reshape(1, -1, 4 * filters.shape[2])], dim=2)


def export(
    model: WavCubeNetworks, folder: str | Path, backend: Backend, *, source: str | None = None
) -> dict[str, float]:
    """Write the graphs of `model` and what belongs to them into `folder`; `WavCube.from_pretrained` loads it.

    `source` is kept in the manifest, for who wants to know later what the graphs were made from (`backends`).

    Returns:
        The largest relative L2 difference from torch that each graph has shown.

    Raises:
        MissingDependencyError: the packages of the backend are not installed.
        ConfigError: a model of 25 Hz or with a group norm over time, whose graphs could not do long audio; or of a
            w2v-BERT with acoustic features beside it.
        CheckpointError: a graph differs from torch, or the folder cannot be written or holds another kind of model.
    """
    if model.config.bottleneck.pooling != 1 or model.config.encoder.conv_norm != "layer":
        raise ConfigError("only models of 50 Hz whose encoder has layer norms in its convolutions can be exported")
    encoder = model.config.encoder
    if encoder.family == "wav2vec2-bert" and (encoder.mel_features or encoder.pitch_features):
        raise ConfigError("a w2v-BERT with mel_features or pitch_features beside it cannot be exported")
    if model.optimized:
        raise ConfigError("a model that was prepared with optimize() cannot be exported; export it before")
    require_place(Path(folder), exported=True)
    names = {"identity": model.identity, "weights": model.weights_fingerprint()}
    if (model.device.type, model.dtype) != ("cpu", torch.float32):
        model = copy.deepcopy(model).to("cpu", torch.float32)  # the caller's stays what it is
    model, folder = evaluated(model), Path(folder)
    differences = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            saying_when_full(folder / CONFIG),
            tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name,
        ):
            temporary = Path(name)
            for part, (graph, example) in _graphs(model).items():
                write = _write_onnx if backend == "onnx" else _write_openvino
                write(graph.eval(), example(SAMPLE_RATE), temporary / f"{part}{SUFFIX[backend]}")
                session = open_session(temporary / f"{part}{SUFFIX[backend]}", backend)
                differences[part] = max(_difference(graph, session, example(round(SAMPLE_RATE * s))) for s in LENGTHS)
                del session
                if not differences[part] < BOUND:
                    raise CheckpointError(f"{folder}: the {part} graph differs from torch by {differences[part]:.1e}")
            norm = {}
            if isinstance(model.decoder, AcousticDecoder):
                norm = {f"norm.{key}": value for key, value in model.decoder.upsampler.norm.state_dict().items()}
            known = {key: getattr(model, key) for key in STATISTICS}
            small = norm | {key: value for key, value in known.items() if value is not None}
            save_file({key: value.contiguous() for key, value in small.items()}, temporary / SMALL_PARTS)
            manifest = {"backend": backend, "source": source, **names}
            (temporary / EXPORT_MANIFEST).write_text(json.dumps(manifest) + "\n")
            model.config.save(temporary / CONFIG)
            follow_umask(*temporary.iterdir())
            (folder / CONFIG).unlink(missing_ok=True)  # without it a folder that is half replaced is no model
            for file in sorted(temporary.iterdir(), key=lambda file: file.name == CONFIG):
                os.replace(file, folder / file.name)
    except OSError as error:
        raise CheckpointError(f"{folder}: the export cannot be written ({reason(error)})") from error
    return differences


def _graphs(model: WavCubeNetworks) -> Mapping[str, tuple[nn.Module, Callable[[int], Tensor]]]:
    """The graphs by name, each with an example of its input for so many samples of sound."""
    random, hop = torch.Generator().manual_seed(0), model.hop_length

    def frames(samples: int, step: int, width: int, least: int = 1) -> Tensor:
        return torch.randn(1, max(least, samples // step), width, generator=random)

    features, channels = model.config.encoder.feature_width, model.latent_dim
    encoder: tuple[nn.Module, Callable[[int], Tensor]] = (
        (ConformerGraph(model), lambda samples: frames(samples, HOP_LENGTH, 2 * model.config.encoder.mel_bins))
        if model.config.encoder.family == "wav2vec2-bert"
        else (EncoderGraph(model), lambda samples: torch.randn(1, samples, generator=random))
    )
    graphs: dict[str, tuple[nn.Module, Callable[[int], Tensor]]] = {
        "encoder": encoder,
        "compressor": (CompressorGraph(model), lambda samples: frames(samples, hop, features)),
    }
    decoder = model.decoder
    if isinstance(decoder, SourceFilterDecoder):
        graphs["decoder"] = (SourceFilterGraph(decoder), lambda samples: frames(samples, hop, channels))
    else:
        assert isinstance(decoder, AcousticDecoder)
        inner = model.config.decoder.vocoder_input_dim
        graphs["decoder"] = (DecoderGraph(decoder), lambda samples: frames(samples, hop, channels))
        graphs["vocoder"] = (VocoderGraph(decoder), lambda samples: frames(samples, 160, inner, 2))
    return graphs


def _difference(graph: nn.Module, session: Session, example: Tensor) -> float:
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
        raise missing("onnx") from error
    from torch.nn.attention import SDPBackend, sdpa_kernel

    of_frames = example.dim() == 3  # else of samples
    shortest = 2 if path.stem == "vocoder" else 1 if of_frames else WINDOW_LENGTH
    size = torch.export.Dim("size", min=shortest)
    # The fused attention kernel's memory layout is not one that the exporter can follow.
    with _quiet(), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        graph(example)  # constants that are computed at the first call must not be the tracer's
        program = torch.onnx.export(graph, (example,), dynamo=True, dynamic_shapes=({1: size},), verbose=False)
    assert program is not None
    program.save(str(path))


def _write_openvino(graph: nn.Module, example: Tensor, path: Path) -> None:
    try:
        import openvino
    except ImportError as error:
        raise missing("openvino") from error

    with tempfile.TemporaryDirectory() as name:
        onnx = Path(name) / f"{path.stem}.onnx"
        _write_onnx(graph, example, onnx)
        openvino.save_model(openvino.convert_model(onnx), path, compress_to_fp16=False)
