"""The models behind the page: each is loaded when it is first needed, and kept."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from wavcube.latents import Latents

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.generation.conversion.pipeline import VoiceConverter
    from wavcube.generation.enhancement.pipeline import SpeechEnhancer
    from wavcube.generation.separation.pipeline import SpeechSeparator
    from wavcube.generation.tts import TextToSpeech


class Models:
    """The packaged models, and one WavCube that may be another.

    Args:
        codec: the WavCube of the tabs that need no other model: a folder or hub id; None for the packaged one.
        device: where to compute.
    """

    def __init__(self, codec: str | None = None, device: str = "cpu") -> None:
        self._codec, self.device = codec, device

    @cached_property
    def codec(self) -> "WavCube":
        from wavcube.codec import WavCube

        return WavCube.from_pretrained(self._codec, device=self.device)

    @cached_property
    def speaker(self) -> "TextToSpeech":
        from wavcube.generation.tts import TextToSpeech

        return TextToSpeech.from_pretrained(device=self.device).optimize()

    @cached_property
    def enhancer(self) -> "SpeechEnhancer":
        from wavcube.generation.enhancement.pipeline import SpeechEnhancer

        return SpeechEnhancer.from_pretrained(device=self.device)

    @cached_property
    def separator(self) -> "SpeechSeparator":
        from wavcube.generation.separation.pipeline import SpeechSeparator

        return SpeechSeparator.from_pretrained(device=self.device)

    @cached_property
    def converter(self) -> "VoiceConverter":
        from wavcube.generation.conversion.pipeline import VoiceConverter

        return VoiceConverter(self.codec)


def standardised(latents: Latents, model: "WavCube") -> np.ndarray:
    """[T, C] of one recording, in standard deviations of the model's training data; where unknown, of its own."""
    values = latents.values[0].float()
    mean, std = model.latent_mean, model.latent_std
    if mean is None or std is None:
        mean, std = values.mean(0), values.std(0, correction=0)
    return ((values - mean) / std.clamp_min(1e-6)).cpu().numpy()
