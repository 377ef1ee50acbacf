"""Frames of a WavCube model: its latents, its encoder's features, its restored features."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.errors import CheckpointError
from wavcube.features.base import FeatureExtractor, latents_fingerprint
from wavcube.hashing import fingerprint_tensors

Part = Literal["latents", "features", "restored"]


class WavCubeExtractor(FeatureExtractor):
    """One part of a model, as frames.

    Args:
        model: of any size.
        part: "latents" [T, latent_dim]; "features" [T, H], what its encoder gives; "restored" [T, H], what its
            restorer makes of the latents (of a linear restorer, the encoder's last layer alone).
        name: what tables call it.

    Raises:
        CheckpointError: restored features of a model that came without its restorer.
    """

    def __init__(self, model: WavCube, part: Part = "latents", name: str | None = None) -> None:
        if part == "restored" and model.restorer is None:
            raise CheckpointError(
                "this model came without its restorer; convert the checkpoint with --keep-training-modules"
            )
        self.model, self.part = model, part
        self.name = name or f"WavCube {part}"
        self.dim = {
            "latents": model.latent_dim,
            "features": model.config.encoder.feature_width,
            "restored": model.config.restored_width,
        }[part]
        self.frame_rate = model.frame_rate if part == "latents" else 50.0
        self.shortest = model.config.encoder.receptive_field
        space = model.identity
        if part == "restored" and model.restorer is not None:
            space += fingerprint_tensors(model.restorer.state_dict())
        self.fingerprint = latents_fingerprint(space) if part == "latents" else f"wavcube-{part}-{space}"

    def frames(self, samples: int) -> int:
        if self.part == "latents":
            return self.model.expected_frames(samples)
        frames = self.model.config.encoder.frames(samples)
        # The restorer gives whole latent frames, also where the last one was made of fewer features.
        pooling = self.model.config.bottleneck.pooling
        return -(-frames // pooling) * pooling if self.part == "restored" else frames

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        # Not `forward`: long recordings are cut, so that memory stays constant.
        values, frames = self.model.encode_batch(
            waveform, lengths, "features" if self.part == "features" else "latents"
        )
        if self.part == "restored":
            values, frames = self.model.restore_batch(values, frames)
        return values.float(), frames


def load_wavcube_extractor(folder: str | None, part: Part, device: str | torch.device) -> WavCubeExtractor:
    """The packaged model's part, or that of a checkpoint folder or hub id."""
    model = WavCube.from_pretrained(folder, device=device)
    label = "WavCube" if folder is None else Path(folder).name
    return WavCubeExtractor(model, part, label if part == "latents" else f"{label} {part}")
