"""The two families of discriminators of Vocos and DAC: over periods of the waveform, and over bands of its spectrum.

A discriminator maps a waveform [B, S] to a `DiscriminatorOutput`: a map of logits (high for real speech) and the
feature maps on the way there, which feature matching compares. The parameters' names are those of the published
checkpoints, except that weight norm's `weight_g` and `weight_v` are `parametrizations.weight.original0` and
`original1`; `from_published_names` translates.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from wavcube.training.config import DiscriminatorConfig

LEAK = 0.1
"""Slope of every leaky rectifier below zero."""


class DiscriminatorOutput(NamedTuple):
    """Of one sub-discriminator: `logits` [B, ...] and `feature_maps`, each [B, C, ...]."""

    logits: Tensor
    feature_maps: list[Tensor]


def _conv(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> nn.Module:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))


class PeriodDiscriminator(nn.Module):
    """The waveform in rows of `period` samples, convolved along the columns (HiFi-GAN, arXiv 2010.05646)."""

    def __init__(self, period: int, channels: list[int]) -> None:
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList()
        for i, (inputs, outputs) in enumerate(zip([1, *channels], channels, strict=False)):
            stride = 1 if i == len(channels) - 1 else 3
            self.convs.append(_conv(inputs, outputs, (5, 1), (stride, 1)))
        self.conv_post = _conv(channels[-1], 1, (3, 1))

    def forward(self, waveform: Tensor) -> DiscriminatorOutput:
        missing = -waveform.shape[1] % self.period
        hidden = F.pad(waveform[:, None], (0, missing), mode="reflect").unflatten(2, (-1, self.period))
        feature_maps = []
        for conv in self.convs:
            hidden = F.leaky_relu(conv(hidden), LEAK)
            feature_maps.append(hidden)
        logits = self.conv_post(hidden)
        # The first convolution's output is not matched, the map of logits is.
        return DiscriminatorOutput(logits.flatten(1), [*feature_maps[1:], logits])


class BandDiscriminator(nn.Module):
    """The complex spectrum of one window size, each band by convolutions of its own (DAC, arXiv 2306.06546)."""

    def __init__(self, window: int, edges: list[float], channels: int) -> None:
        super().__init__()
        bins = window // 2 + 1
        self.slices = [slice(int(low * bins), int(high * bins)) for low, high in pairwise(edges)]
        self.band_convs = nn.ModuleList(
            nn.ModuleList(
                [
                    _conv(2, channels, (3, 9)),
                    *(_conv(channels, channels, (3, 9), (1, 2)) for _ in range(3)),
                    _conv(channels, channels, (3, 3)),
                ]
            )
            for _ in self.slices
        )
        self.conv_post = _conv(channels, 1, (3, 3))
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(window), persistent=False)

    def forward(self, waveform: Tensor) -> DiscriminatorOutput:
        spectrum = self._spectrum(waveform)
        bands, feature_maps = [], []
        for bins, convs in zip(self.slices, self.band_convs, strict=True):
            hidden = spectrum[..., bins]
            assert isinstance(convs, nn.ModuleList)
            for i, conv in enumerate(convs):
                hidden = F.leaky_relu(conv(hidden), LEAK)
                if i > 0:
                    feature_maps.append(hidden)
            bands.append(hidden)
        logits = self.conv_post(torch.cat(bands, dim=-1))
        return DiscriminatorOutput(logits, [*feature_maps, logits])

    def _spectrum(self, waveform: Tensor) -> Tensor:
        """[B, S] -> real and imaginary parts [B, 2, T, bins] of the centred waveform, its peak brought to 0.8."""
        waveform = waveform.float()  # there is no FFT of bfloat16
        waveform = waveform - waveform.mean(dim=1, keepdim=True)
        waveform = 0.8 * waveform / (waveform.abs().amax(dim=1, keepdim=True) + 1e-9)
        size = len(self.window)
        spectrum = torch.stft(waveform, size, size // 4, window=self.window, center=True, return_complex=True)
        return torch.view_as_real(spectrum).permute(0, 3, 2, 1)


class _MultiDiscriminator(nn.Module):
    """Sub-discriminators under the name that published checkpoints give them."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(members)

    def forward(self, waveform: Tensor) -> list[DiscriminatorOutput]:
        return [member(waveform) for member in self.discriminators]


class MultiPeriodDiscriminator(_MultiDiscriminator):
    """One `PeriodDiscriminator` for each period."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__([PeriodDiscriminator(p, config.period_channels) for p in config.periods])


class MultiBandDiscriminator(_MultiDiscriminator):
    """One `BandDiscriminator` for each window size."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__([BandDiscriminator(w, config.bands, config.band_channels) for w in config.windows])


class Discriminators(nn.Module):
    """Both families. Waveform [B, S] -> {"period": outputs, "band": outputs}; an empty family is left out."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.families = nn.ModuleDict()
        if config.periods:
            self.families["period"] = MultiPeriodDiscriminator(config)
        if config.windows:
            self.families["band"] = MultiBandDiscriminator(config)

    def forward(self, waveform: Tensor) -> dict[str, list[DiscriminatorOutput]]:
        return {name: family(waveform) for name, family in self.families.items()}


def from_published_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State of `Discriminators` from the tensors of a published checkpoint (`multiperioddisc.*`, `multiresddisc.*`)."""
    prefixes = {"multiperioddisc.": "families.period.", "multiresddisc.": "families.band."}
    endings = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    translated = {}
    for key, value in weights.items():
        for published, ours in prefixes.items():
            if key.startswith(published) and not key.endswith("window"):
                path, _, ending = key.removeprefix(published).rpartition(".")
                translated[f"{ours}{path}.{endings.get(ending, ending)}"] = value
    return translated
