"""Neighbouring frames of another feature extractor side by side in one: fewer frames, each of more channels."""

from torch import Tensor

from wavcube.errors import ConfigError
from wavcube.features.base import FeatureExtractor


class FrameStacking(FeatureExtractor):
    """`count` frames [C] of a feature extractor -> one [count * C]; frames that fill no whole one are left out.

    A generator's work grows with the number of frames far more than with their channels: log-mel at 100 Hz in pairs
    costs what a representation at 50 Hz costs.

    Args:
        inner: of one layer.
        count: frames to one.

    Raises:
        ConfigError: fewer than two, or a feature extractor that gives several layers.
    """

    def __init__(self, inner: FeatureExtractor, count: int) -> None:
        if count < 2:
            raise ConfigError(f"{count} frames cannot be stacked; give 2 or more")
        if inner.layers > 1:
            raise ConfigError(f"{inner.name} gives several layers; name one of them")
        self.inner, self.count = inner, count
        self.name, self.fingerprint = f"{inner.name} by {count}", f"stacked-{count}-{inner.fingerprint}"
        self.dim, self.frame_rate, self.sample_rate = count * inner.dim, inner.frame_rate / count, inner.sample_rate
        self.shortest = inner.shortest + round((count - 1) * inner.sample_rate / inner.frame_rate)

    def frames(self, samples: int) -> int:
        return self.inner.frames(samples) // self.count

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        values, frames = self.inner(waveform, lengths)
        whole = values.shape[1] // self.count
        return values[:, : whole * self.count].unflatten(1, (whole, self.count)).flatten(2), frames // self.count
