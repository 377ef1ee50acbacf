"""The training objective: conditional flow matching on a straight path, by infilling (F5-TTS, arXiv 2410.06885).

A model sees frames of which a span is hidden, the whole text, and noise on its way to the frames; it learns the
velocity of that way on the hidden span:

    x_t = (1 - t) noise + t frames,    loss = mean over the span of |v(x_t, t, shown, text) - (frames - noise)|^2
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask
from wavcube.generation.flow.transformer import DiffusionTransformer


@dataclass
class FlowSettings:
    """Chances of training.

    Attributes:
        span_low, span_high: the share of an utterance's frames that is hidden is drawn from this range.
        drop_condition: chance of hiding all frames.
        drop_all: chance of hiding all frames and the text, which guidance needs.
    """

    span_low: float = 0.7
    span_high: float = 1.0
    drop_condition: float = 0.3
    drop_all: float = 0.2


@dataclass
class NoiseSample:
    """Random numbers of a batch.

    Attributes:
        noise: [B, T, C].
        time: [B] in [0, 1).
        span: [B, T], true on hidden frames.
        hide_condition, hide_text: [B].
    """

    noise: Tensor
    time: Tensor
    span: Tensor
    hide_condition: Tensor
    hide_text: Tensor

    def rows(self, chosen: Tensor, frames: int) -> "NoiseSample":
        """Of the items that are true in `chosen` [B], and of their first `frames`."""
        return NoiseSample(
            self.noise[chosen, :frames],
            self.time[chosen],
            self.span[chosen, :frames],
            self.hide_condition[chosen],
            self.hide_text[chosen],
        )


def sample_noise(
    frames: Tensor, lengths: Tensor, settings: FlowSettings, generator: torch.Generator | None = None
) -> NoiseSample:
    """Draw for frames [B, T, C] of `lengths` [B]; from the default generator of their device if none is given."""
    device, items = frames.device, len(frames)

    def uniform() -> Tensor:
        return torch.rand(items, device=device, generator=generator)

    noise = torch.randn(frames.shape, device=device, dtype=frames.dtype, generator=generator)
    time, share, place, condition, both = (uniform() for _ in range(5))
    share = settings.span_low + (settings.span_high - settings.span_low) * share
    size = (share * lengths).long().clamp_min(1)
    start = (place * (lengths - size + 1)).long()
    index = torch.arange(frames.shape[1], device=device)
    span = (index >= start[:, None]) & (index < (start + size)[:, None])
    hide_text = both < settings.drop_all
    return NoiseSample(noise, time, span, (condition < settings.drop_condition) | hide_text, hide_text)


class FlowModel(Protocol):
    """What is trained by flow matching: a transformer over normalised frames, and the text that conditions it."""

    transformer: DiffusionTransformer

    def normalise(self, values: Tensor) -> Tensor:
        """Frames [B, T, C] -> zero mean and unit variance in each channel."""

    def embed(self, text: Tensor, lengths: Tensor, made: Tensor, ends: Tensor | None) -> Tensor:
        """Embedding [B, T, D] of token ids [B, N] on the frames of items of `lengths` [B]."""


Model = TypeVar("Model", bound=FlowModel)


class FlowMatching(nn.Module, Generic[Model]):
    """A model in training form: a batch -> its loss. `model` is a module and a `FlowModel`."""

    model: Model

    def __init__(self, model: Model, settings: FlowSettings) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    def forward(
        self,
        values: Tensor,
        lengths: Tensor,
        text: Tensor,
        ends: Tensor | None = None,
        noise_sample: NoiseSample | None = None,
    ) -> Tensor:
        """Mean squared error of the velocity over the hidden spans, a scalar.

        Args:
            values: frames [B, T, C] as the representation gives them; what lies behind an item's end is ignored.
            lengths: [B], frames of each.
            text: numbers [B, N], N <= T, filler behind each text's end.
            ends: [B, N], the frame at which each token ends, for models that align text by duration.
            noise_sample: drawn here if it is not given.
        """
        frames = self.model.normalise(values)
        mask = length_mask(lengths, frames.shape[1])
        noise_sample = noise_sample or sample_noise(frames, lengths, self.settings)
        time = noise_sample.time[:, None, None]
        noised = (1 - time) * noise_sample.noise + time * frames
        shown = ~noise_sample.span & ~noise_sample.hide_condition[:, None]
        if mask is not None:
            shown &= mask
        condition = frames * shown[..., None]
        embedded = self.model.embed(text, lengths, noise_sample.span, ends) * ~noise_sample.hide_text[:, None, None]
        context = self.model.transformer.context(condition, embedded)
        velocity = self.model.transformer(noised, noise_sample.time, context, None if mask is None else lengths)
        error = (velocity.float() - (frames - noise_sample.noise).float()).square().mean(-1)
        return (error * noise_sample.span).sum() / noise_sample.span.sum()
