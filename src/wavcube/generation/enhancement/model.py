"""`LatentEnhancer`: features and latent of noisy speech -> the latent of the clean speech."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.generation.enhancement.config import EnhancerConfig
from wavcube.generation.regression.model import LatentRegressor


class LatentEnhancer(LatentRegressor):
    """A transformer whose output is added to the noisy latent; before training it changes nothing."""

    config_type = EnhancerConfig
    title = "speech enhancement model"
    packaged = Path(__file__).parent / "pretrained" / "small"

    def forward(self, features: Tensor, latents: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The normalised latent [B, T, C] of the clean speech.

        Args:
            features: [B, T, H] of the noisy speech.
            latents: [B, T, C] of the noisy speech.
            lengths: [B], frames of each item; None where all have T.
        """
        return self.normalise(latents) + self.transformer(self.frames(features, latents), lengths)

    @torch.no_grad()
    def clean(self, features: Tensor, latents: Tensor) -> Tensor:
        """The latent [T, C] of the clean speech, float32, from features [T, H] and latent [T, C] of the noisy speech.

        What is longer than the training's windows goes through in windows that overlap; each frame is taken from the
        window in whose middle it lies.
        """
        windows = self.windows(len(latents))
        pieces = [
            pad_sequence([values[w.first : w.last].to(self.device, torch.float32) for w in windows], True)
            for values in (features, latents)
        ]
        lengths = torch.tensor([w.last - w.first for w in windows], device=self.device)
        made = self(*pieces, lengths if len(windows) > 1 else None)
        kept = [values[window.kept] for values, window in zip(made, windows, strict=True)]
        return torch.cat(kept) * self.latent_std + self.latent_mean
