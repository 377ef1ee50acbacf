"""Pitch in the latent: read from its own channels, moved to another voice's range, written back.

A linear compressor that keeps pitch in channels of its own (wavcube-nano) maps log-F0 and voicing, both of two frames
of 10 ms, to four channels by a map that has an inverse.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wavcube.codec import WavCube
from wavcube.errors import CheckpointError

LEAST_SCALE, MOST_SCALE = 0.8, 1.25
"""Of the range of F0: what a short recording shows of it is uncertain."""

LEAST_RANGE = 0.02
"""Of log-F0 between the quartiles, below which it is monotone."""

LEAST_VOICED = 10
"""Frames of 10 ms without which there is no pitch to speak of."""

VOICED = 0.5


@dataclass(frozen=True)
class PitchRange:
    """Median of the log of F0 over 160 Hz, and the distance of its quartiles."""

    median: float
    spread: float

    @classmethod
    def of(cls, pitch: Tensor) -> "PitchRange | None":
        """Of pitch [T, 4] as `PitchChannels.read` gives it; None where next to nothing is voiced."""
        log_f0, voicing = pitch[:, 0::2].flatten(), pitch[:, 1::2].flatten()
        voiced = log_f0[voicing > VOICED]
        if len(voiced) < LEAST_VOICED:
            return None
        low, median, high = torch.quantile(_thinned(voiced), torch.tensor([0.25, 0.5, 0.75])).tolist()
        return cls(median, high - low)


class PitchChannels:
    """The channels of a model's latent that hold pitch.

    Raises:
        CheckpointError: the model has no such channels.
    """

    def __init__(self, codec: WavCube) -> None:
        encoder, linear = codec.config.encoder, codec.compressor.projection[0]
        if (
            codec.config.bottleneck.compressor != "linear"
            or not encoder.pitch_features
            or not isinstance(linear, nn.Linear)
        ):
            raise CheckpointError(
                "this WavCube's latent has no channels for pitch; voice conversion needs a model such as wavcube-nano"
            )
        weight = linear.weight.detach().float().cpu()
        first = 2 * encoder.mel_bins * encoder.mel_features
        columns = slice(first, first + 4)
        own = weight[:, columns].abs().amax(1) > 0
        rest = weight[own].clone()
        rest[:, columns] = 0
        if int(own.sum()) != 4 or bool(rest.any()):
            raise CheckpointError("this WavCube's latent mixes pitch with other features; it cannot be set alone")
        self.channels = torch.nonzero(own)[:, 0]
        self.weight, self.bias = weight[own, columns], linear.bias.detach().float().cpu()[own]
        self.inverse = torch.linalg.inv(self.weight)

    def read(self, latents: Tensor) -> Tensor:
        """Pitch [T, 4] of latents [T, C]: log of F0 over 160 Hz and voicing, of both frames of 10 ms."""
        return (latents[:, self.channels] - self.bias) @ self.inverse.T

    def write(self, latents: Tensor, pitch: Tensor) -> Tensor:
        """Latents [T, C] with that pitch [T, 4]."""
        written = latents.clone()
        written[:, self.channels] = pitch @ self.weight.T + self.bias
        return written


def moved(pitch: Tensor, source: PitchRange | None, target: PitchRange | None) -> Tensor:
    """Pitch [T, 4] with its contour in the target's range, and its own voicing; as it is where either has no pitch."""
    if source is None or target is None:
        return pitch
    scale = min(max(target.spread / max(source.spread, LEAST_RANGE), LEAST_SCALE), MOST_SCALE)
    result = pitch.clone()
    result[:, 0::2] = target.median + scale * (pitch[:, 0::2] - source.median)
    return result


def _thinned(values: Tensor, most: int = 1_000_000) -> Tensor:
    """At most so many values, evenly taken: `torch.quantile` has a limit."""
    return values[:: -(-len(values) // most)]
