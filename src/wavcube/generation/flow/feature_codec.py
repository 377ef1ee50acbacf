"""The frames that a model makes, both ways: speech -> frames, and frames -> speech."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.pitch_channels import PitchChannels
from wavcube.errors import CheckpointError, ConfigError, MissingDependencyError
from wavcube.features import FeatureExtractor, build_feature_extractor
from wavcube.features.spectral import LogMel
from wavcube.features.stacking import FrameStacking
from wavcube.features.vocoders import GriffinLim
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.generation.flow.config import RepresentationConfig

Vocoder = Callable[[Tensor], Tensor]
"""Frames [T, C] -> waveform [S]."""


CONSTANT = 1e-5
"""Channels with a smaller standard deviation never change and are not scaled."""


class FeatureCodec:
    """Frames of speech and the way back.

    Args:
        extractor: speech -> frames.
        vocoder: frames -> speech; None for what the feature extractor itself offers (see `default_vocoder`).
    """

    def __init__(self, extractor: FeatureExtractor, vocoder: Vocoder | None = None) -> None:
        if extractor.layers > 1:
            raise ConfigError(f"{extractor.name} gives several layers; name one of them")
        self.extractor = extractor
        self.vocoder = vocoder or default_vocoder(extractor)
        self._pitch = _pitch_channels(extractor)

    @property
    def hop_length(self) -> int:
        """Samples to a frame."""
        return round(self.extractor.sample_rate / self.extractor.frame_rate)

    @property
    def statistics(self) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation [C] of the frames over a WavCube's training data; None where not known."""
        extractor = self.extractor
        if not isinstance(extractor, WavCubeExtractor) or extractor.part != "latents":
            return None
        mean, std = extractor.model.latent_mean, extractor.model.latent_std
        if mean is None or std is None:
            return None
        return mean.float().cpu(), torch.where(std > CONSTANT, std, 1.0).float().cpu()

    def describe(self, spec: str) -> RepresentationConfig:
        """What a model that is trained on these frames remembers of them."""
        extractor = self.extractor
        return RepresentationConfig(
            spec, extractor.fingerprint, extractor.dim, float(extractor.frame_rate), extractor.sample_rate
        )

    def encode(self, waveform: np.ndarray) -> Tensor:
        """Frames [T, C], float32 on the CPU, of a waveform [S] at `extractor.sample_rate`."""
        return self.extractor(torch.from_numpy(waveform)[None])[0][0].float().cpu()

    def with_pitch_of(self, frames: Tensor, other: Tensor) -> Tensor:
        """Frames [T, C] with the median and about the spread of the F0 of `other` [T', C], if their F0 can be changed:
        in latents of a WavCube with channels of pitch; other frames as they are."""
        return frames if self._pitch is None else self._pitch.like(frames, other.to(frames))

    @torch.no_grad()
    def decode(self, frames: Tensor) -> np.ndarray:
        """Waveform [T * hop], float32, of frames [T, C].

        Raises:
            CheckpointError: there is no way back from this representation.
        """
        if self.vocoder is None:
            raise CheckpointError(
                f"{self.extractor.name}: there is no way back to speech; name a vocoder with --vocoder FILE (ONNX or "
                "TorchScript, frames [1, T, C] to a waveform [1, S])"
            )
        waveform = self.vocoder(frames).float().cpu().numpy()
        expected = len(frames) * self.hop_length
        return np.pad(waveform[:expected], (0, max(0, expected - len(waveform)))).astype(np.float32)


def load_feature_codec(spec: str, device: str | torch.device = "cpu", vocoder: str | None = None) -> FeatureCodec:
    """A representation by its specification (see `build_feature_extractor`).

    Args:
        spec: as for `build_feature_extractor`.
        device: where it runs.
        vocoder: an ONNX or TorchScript file that makes a waveform [1, S] of frames [1, T, C]; None for the
            representation's own.
    """
    return FeatureCodec(
        build_feature_extractor(spec, device), None if vocoder is None else _vocoder_file(vocoder, device)
    )


def default_vocoder(extractor: FeatureExtractor) -> Vocoder | None:
    """The way back that a feature extractor brings: a WavCube's decoder (from features by way of its compressor),
    Griffin-Lim for log-mel, that of the feature extractor inside for stacked frames, none for others."""
    if isinstance(extractor, FrameStacking):
        inner, dim = default_vocoder(extractor.inner), extractor.inner.dim
        return None if inner is None else lambda frames: inner(frames.reshape(-1, dim))
    if isinstance(extractor, WavCubeExtractor):
        model = extractor.model
        if extractor.part == "latents":
            return lambda frames: model.decode(frames.to(model.device, model.dtype))[0]
        return lambda frames: model.decode(model.compressor(frames[None].to(model.device, model.dtype)).latent)[0]
    return GriffinLim(extractor) if type(extractor) is LogMel else None


def _pitch_channels(extractor: FeatureExtractor) -> PitchChannels | None:
    if not isinstance(extractor, WavCubeExtractor) or extractor.part != "latents":
        return None
    try:
        return PitchChannels(extractor.model)
    except ConfigError:
        return None


def check_fingerprint(expected: RepresentationConfig, found: FeatureExtractor) -> None:
    """Refuse a representation that a model was not trained on.

    Raises:
        CheckpointError: its frames are others.
    """
    if expected.fingerprint != found.fingerprint:
        raise CheckpointError(
            f"the text-to-speech model was trained on {expected.spec} ({expected.fingerprint}), this representation is "
            f"{found.name} ({found.fingerprint}); name the one it was trained on with --representation"
        )


def _vocoder_file(path: str, device: str | torch.device) -> Vocoder:
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such vocoder file")
    try:
        if Path(path).suffix == ".onnx":
            return _onnx(path)
        network = torch.jit.load(path, map_location=device).eval()
    except MissingDependencyError:
        raise
    except Exception as error:  # both runtimes have errors of their own
        raise CheckpointError(f"{path}: cannot be loaded as a vocoder ({str(error).splitlines()[0]})") from error
    return lambda frames: network(frames[None].to(device)).reshape(-1)


def _onnx(path: str) -> Vocoder:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError('vocoders in ONNX need onnxruntime: pip install "wavcube[onnx]"') from error
    session: Any = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda frames: torch.from_numpy(session.run(None, {name: frames[None].cpu().numpy()})[0]).reshape(-1)
