"""`LatentEnhancer`: features and latent of noisy speech -> the latent of the clean speech."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.errors import CheckpointError, ConfigError
from wavcube.generation.enhancement.config import EnhancerConfig
from wavcube.generation.flow.frame_transformer import FrameTransformer
from wavcube.generation.flow.model_folder import (
    CONFIG,
    find_model_folder,
    load_weights,
    read_weights,
    write_model_folder,
)

PACKAGED = Path(__file__).parent / "pretrained" / "small"
"""The small model that comes with the package."""

STATISTICS = ("latent_mean", "latent_std", "feature_mean", "feature_std")
"""Of the training data; they stay float32."""

CONTEXT_SHARE = 0.25
"""Of a window, so much at each end is context only, where it is not an end of the speech."""


class LatentEnhancer(nn.Module):
    """A transformer whose output is added to the noisy latent; before training it changes nothing.

    Attributes:
        latent_mean, latent_std: [C] of clean latents.
        feature_mean, feature_std: [H] of the features of noisy speech.
    """

    latent_mean: Tensor
    latent_std: Tensor
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: EnhancerConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.representation.channels
        self.transformer = FrameTransformer(config.features + channels, channels, config.transformer)
        for name, size in (("latent", channels), ("feature", config.features)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    @property
    def device(self) -> torch.device:
        return self.latent_mean.device

    def normalise(self, latents: Tensor) -> Tensor:
        """Latents [..., C] -> zero mean and unit variance over clean training speech."""
        return (latents - self.latent_mean) / self.latent_std

    def forward(self, features: Tensor, latents: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The normalised latent [B, T, C] of the clean speech.

        Args:
            features: [B, T, H] of the noisy speech.
            latents: [B, T, C] of the noisy speech.
            lengths: [B], frames of each item; None where all have T.
        """
        noisy = self.normalise(latents)
        frames = torch.cat([(features - self.feature_mean) / self.feature_std, noisy], -1)
        return noisy + self.transformer(frames, lengths)

    @torch.no_grad()
    def clean(self, features: Tensor, latents: Tensor) -> Tensor:
        """The latent [T, C] of the clean speech, float32, from features [T, H] and latent [T, C] of the noisy speech.

        What is longer than the training's windows goes through in windows that overlap; each frame is taken from the
        window in whose middle it lies.
        """
        total = len(latents)
        window = max(4, round(self.config.window_seconds * self.config.representation.frame_rate))
        context = round(CONTEXT_SHARE * window) if total > window else 0
        core = window - 2 * context
        starts = range(0, total, core)
        spans = [(max(0, start - context), min(total, start + core + context)) for start in starts]
        pieces = [
            pad_sequence([values[a:b].to(self.device, torch.float32) for a, b in spans], True)
            for values in (features, latents)
        ]
        lengths = torch.tensor([b - a for a, b in spans], device=self.device)
        made = self(*pieces, lengths if len(spans) > 1 else None)
        kept = [
            values[start - a : min(total, start + core) - a]
            for values, start, (a, _) in zip(made, starts, spans, strict=True)
        ]
        return torch.cat(kept) * self.latent_std + self.latent_mean

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load what `save_pretrained` wrote (or a run's folder), in evaluation mode, float32.

        Raises:
            CheckpointError: the folder holds no such model, or its weights are damaged or do not fit.
        """
        folder = find_model_folder(Path(folder), "speech enhancement model")
        try:
            config = EnhancerConfig.load(folder / CONFIG)
        except ConfigError as error:
            raise CheckpointError(str(error)) from error
        with meta_init():
            model = cls(config)
        weights = read_weights(folder)
        load_weights(model, weights, folder)
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write config.json and model.safetensors, weights in `dtype` (statistics stay float32)."""
        write_model_folder(folder, self.config, self.state_dict(), dtype, STATISTICS)
