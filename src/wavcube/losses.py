"""Losses on the latent of a frozen model, for training other models: enhancement, vocoders, codecs.

from wavcube.losses import LatentDistance
distance = LatentDistance(WavCube.from_pretrained()).to("cuda")
loss = distance(estimate, clean)        # waveforms [B, S] at 16 kHz; gradients reach the estimate
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import widened
from wavcube.codec.inference.evaluated import evaluated
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import AudioError, ConfigError, WavCubeError
from wavcube.padding import valid_mask


class LatentDistance(nn.Module):
    """How far two batches of waveforms are from each other for a model: zero where they agree.

    The mean squared difference of their latents, in units of the latent's standard deviation where the model knows
    it. Chosen hidden states of the encoder can count as well, each as much as the latent, with a layer norm before, so
    that their scales do not matter. The model computes in evaluation mode, whatever mode this module is in.

    Args:
        model: a `WavCube`, or a `wavcube.hf.WavCubeModel`. Its weights are frozen, and it goes where this module goes.
        layers: hidden states of the encoder that count beside the latent: 0 is what the first layer takes in, n the
            output of layer n.

    Raises:
        ConfigError: the encoder has no such layer.
        WavCubeError: the model was prepared with `optimize`, or exported, and has no gradients.
    """

    def __init__(self, model: WavCubeNetworks, layers: Sequence[int] = ()) -> None:
        super().__init__()
        if model.optimized:
            raise WavCubeError("a model that was prepared with optimize(), or exported, has no gradients for a loss")
        there = len(model.encoder.encoder.layers)
        if wrong := [layer for layer in layers if not 0 <= layer <= there]:
            raise ConfigError(f"layers: the encoder has hidden states 0 to {there}, and no {wrong[0]}")
        self.model = model.requires_grad_(False)
        self.layers = tuple(layers)

    def forward(self, estimate: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The distance, a scalar in float32; its gradient reaches `estimate`.

        Args:
            estimate: [B, S] at 16 kHz, on any device; computed with on the model's.
            target: [B, S], what it should be.
            lengths: [B], valid samples, at least 400 each; None when all are. What lies beyond has no influence.

        Raises:
            AudioError: the shapes differ, or are not those of such a batch.
        """
        if estimate.shape != target.shape:
            raise AudioError(f"estimate and target differ in shape: {list(estimate.shape)} and {list(target.shape)}")
        with torch.no_grad():
            wanted, _ = self._parts(target, lengths)
        found, frames = self._parts(estimate, lengths)
        terms = []
        for one, other in zip(found, wanted, strict=True):
            error = (one - other).square().mean(-1)
            # At 25 Hz the latent has half the frames of the hidden states.
            counts = frames if error.shape[1] == found[0].shape[1] else frames * self.model.config.bottleneck.pooling
            real = valid_mask(counts.clamp_max(error.shape[1]), error.shape[1])
            terms.append((error * real).sum() / real.sum())
        return torch.stack(terms).mean()

    def _parts(self, waveform: Tensor, lengths: Tensor | None) -> tuple[list[Tensor], Tensor]:
        """What is compared, [B, T, ...] each, and the latent's valid frames [B]."""
        model = evaluated(self.model)
        values, states, frames = model.latents_and_states(waveform.to(model.device), lengths)
        latent = widened(values)
        if model.latent_std is not None:
            latent = latent / model.latent_std.to(latent.dtype)
        chosen = [widened(states[layer]) for layer in self.layers]
        return [latent, *(F.layer_norm(state, state.shape[-1:]) for state in chosen)], frames
