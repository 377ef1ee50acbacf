"""What the models see of a recording: the encoder's features and the latent."""

import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.errors import CheckpointError, ConfigError


def encode(codec: WavCube, waveform: Tensor) -> tuple[Tensor, Tensor]:
    """Features [B, T, H] and latents [B, T, C], float32, of waveforms [B, S] of one length, encoded once.

    Raises:
        ConfigError: a WavCube whose latents have another frame rate than its features.
    """
    if codec.config.bottleneck.pooling != 1:
        raise ConfigError("speech tools work on latents of 50 Hz; this WavCube has fewer frames a second")
    lengths = torch.full((len(waveform),), waveform.shape[1])
    with torch.no_grad():
        features, frames = codec.encode_batch(waveform, lengths, "features")
        latents = codec.compressor(features, frames).latent
    return features.float(), latents.float()


def codec_of(spec: str) -> str | None:
    """The folder or hub id in the specification of latents; None for the packaged WavCube.

    Raises:
        CheckpointError: it is another representation.
    """
    kind, _, name = spec.partition(":")
    if kind != "wavcube":
        raise CheckpointError(f"{spec}: speech tools work on latents of a WavCube (wavcube or wavcube:FOLDER)")
    return name or None
