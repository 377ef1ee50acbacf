"""The semantic bottleneck: features [B, T, H] -> latent [B, T', C] (compressor) and back (restorer)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, widened
from wavcube.codec.blocks.precision import without_autocast
from wavcube.codec.config import BottleneckConfig, EncoderConfig
from wavcube.codec.encoder import LayerStack
from wavcube.padding import valid_mask

PROJECTION_EPS = 1e-6
"""Of the layer norms that end both projections; the rest of the model has 1e-5."""


@dataclass
class Bottleneck:
    """What the compressor gives: latent [B, T', C], valid frames [B], and the KL term of a variational kind."""

    latent: Tensor
    lengths: Tensor
    kl: Tensor | None = None


def _projection(width_in: int, width_out: int) -> nn.Sequential:
    hidden = (width_in + width_out) // 2
    return nn.Sequential(
        nn.Linear(width_in, hidden),
        nn.GELU(),
        nn.Linear(hidden, width_out),
        nn.LayerNorm(width_out, PROJECTION_EPS),
    )


class SemanticCompressor(nn.Module):
    """Transformer layers of the encoder's kind, then a projection to the latent's width; or one linear map alone.

    Kinds: "ae", the projection is the latent. "vae", two heads give mean and log-variance; the latent is a sample in
    training and the mean otherwise. "sigma-vae" (arXiv 2412.08635), a head gives the mean, and training adds noise of
    a scale that is not learnt.
    """

    def __init__(self, encoder: EncoderConfig, config: BottleneckConfig) -> None:
        super().__init__()
        self.config = config
        linear = config.compressor == "linear"
        if encoder.feature_width != encoder.width and not linear:
            self.input = nn.Linear(encoder.feature_width, encoder.width)
        self.layers = LayerStack(encoder, 0 if linear else config.layers)
        self.projection = (
            nn.Sequential(nn.Linear(encoder.feature_width, config.latent_dim))
            if linear
            else _projection(encoder.width, config.latent_dim)
        )
        if config.kind in ("vae", "sigma-vae"):
            self.mean = nn.Linear(config.latent_dim, config.latent_dim)
        if config.kind == "vae":
            self.log_variance = nn.Linear(config.latent_dim, config.latent_dim)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Bottleneck:
        """`features` [B, T, H] with `lengths` [B] valid frames (None: all) to the latent, T' = ceil(T * rate / 50)."""
        mask = length_mask(lengths, features.shape[1])
        hidden = self.layers(self.input(features) if hasattr(self, "input") else features, mask)
        if lengths is None:
            lengths = torch.full((features.shape[0],), features.shape[1], device=features.device)
        if self.config.pooling > 1:
            hidden, lengths = pool(hidden, lengths, self.config.pooling)
        code = self._linear(hidden) if self.config.compressor == "linear" else self.projection(hidden)
        match self.config.kind:
            case "ae":
                return Bottleneck(code, lengths)
            case "vae":
                return self._variational(self.mean(code), self.log_variance(code), lengths)
            case "sigma-vae":
                return self._noisy(self.mean(code), lengths)

    def _linear(self, features: Tensor) -> Tensor:
        linear = self.projection[0]
        with without_autocast(features.device):  # pitch is among the features
            # One that `optimize` has laid out anew is no nn.Linear, and takes features as they come.
            return linear(features.to(linear.weight.dtype) if isinstance(linear, nn.Linear) else features)

    def _variational(self, mean: Tensor, log_variance: Tensor, lengths: Tensor) -> Bottleneck:
        """KL to the standard normal, summed over channels, averaged over valid frames (arXiv 1312.6114, eq. 10)."""
        log_variance = log_variance.clamp(-12.0, 12.0)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)
        latent = mean
        if self.training:
            latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return Bottleneck(latent, lengths, _mean_over_frames(kl, lengths))

    def _noisy(self, mean: Tensor, lengths: Tensor) -> Bottleneck:
        """With a fixed variance only the mean's part of the KL depends on the weights."""
        kl = 0.5 * mean.square().sum(-1)
        latent = mean
        if self.training:
            scale = torch.full((mean.shape[0], 1, 1), self.config.sigma, device=mean.device, dtype=mean.dtype)
            if self.config.random_sigma:
                scale = scale * torch.randn_like(scale)
            latent = mean + torch.randn_like(mean) * scale
        return Bottleneck(latent, lengths, _mean_over_frames(kl, lengths))


class SemanticRestorer(nn.Module):
    """The compressor's mirror image: latent [B, T', C] -> an estimate of the features [B, T, H]; for training."""

    def __init__(self, encoder: EncoderConfig, config: BottleneckConfig) -> None:
        super().__init__()
        self.config = config
        self.projection = _projection(config.latent_dim, encoder.width)
        self.layers = LayerStack(encoder, config.layers)
        if encoder.feature_width != encoder.width:
            self.output = nn.Linear(encoder.width, encoder.feature_width)

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T', C] with `lengths` [B] valid latent frames to [B, T' * 50 / rate, H]."""
        hidden = self.projection(latent)
        if self.config.pooling > 1:
            hidden = hidden.repeat_interleave(self.config.pooling, dim=1)
            lengths = None if lengths is None else lengths * self.config.pooling
        hidden = self.layers(hidden, length_mask(lengths, hidden.shape[1]))
        return self.output(hidden) if hasattr(self, "output") else hidden


class LinearRestorer(nn.Module):
    """One linear map: latent [B, T', C] -> an estimate of the encoder's last layer [B, T, width]; for training.

    What else is among the features, such as the log-mel, is for the decoder to restore.
    """

    def __init__(self, encoder: EncoderConfig, config: BottleneckConfig) -> None:
        super().__init__()
        self.pooling = config.pooling
        self.layers = nn.ModuleList()
        self.projection = nn.Linear(config.latent_dim, encoder.width)

    def forward(self, latent: Tensor, lengths: Tensor | None = None) -> Tensor:
        """As `SemanticRestorer`; `lengths` change nothing."""
        return self.projection(latent).repeat_interleave(self.pooling, dim=1)


def build_restorer(encoder: EncoderConfig, config: BottleneckConfig) -> SemanticRestorer | LinearRestorer:
    """The restorer of the kind that the configuration names."""
    return (LinearRestorer if config.restorer == "linear" else SemanticRestorer)(encoder, config)


def pool(hidden: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Averages of `size` frames in a row [B, ceil(T / size), H]; an item's last one is over what it has."""
    frames = hidden.shape[1]
    real = valid_mask(lengths, frames)
    pad = -frames % size
    values = widened(hidden).masked_fill(~real[..., None], 0.0)
    sums = F.pad(values, (0, 0, 0, pad)).unflatten(1, (-1, size)).sum(2)
    counts = F.pad(real, (0, pad)).unflatten(1, (-1, size)).sum(2).clamp_min(1)
    return (sums / counts[..., None]).to(hidden.dtype), -(-lengths // size)


def _mean_over_frames(values: Tensor, lengths: Tensor) -> Tensor:
    real = valid_mask(lengths, values.shape[1])
    return (widened(values) * real).sum() / real.sum()
