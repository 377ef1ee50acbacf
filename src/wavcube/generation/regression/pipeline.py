"""`LatentTool`: the base of tools from recordings to recordings, by way of a WavCube's features and latents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.codec.inputs import Report, map_speech
from wavcube.errors import CheckpointError, ConfigError
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.regression.encoding import codec_of, encode
from wavcube.generation.regression.model import LatentRegressor
from wavcube.generation.regression.spans import Span, spans
from wavcube.hashing import fingerprint_module

CHUNKING = Chunking(above=30.0, chunk=20.0, context=2.0)
"""Longer recordings go through in pieces: how long these are, and how much is encoded beyond both of their ends."""

PEAK = 0.7
"""Recordings are brought to this peak (-3 dBFS), as in training, and back."""

SILENCE = 1e-4
"""A recording whose peak is below (-80 dBFS) has no speech in it."""

Output = Literal["masked", "decoded"]
"""What comes out: the recording with a gain on its spectrum, or speech that is made anew."""


class LatentTool:
    """A model and the WavCube whose latents it works on.

    Args:
        model: trained on the latents of `codec`.
        codec: encoder and decoder.

    Attributes:
        noun: what the tool does, for errors.
        model_type: the class of its models.
        chunking: when and how long recordings are cut.

    Raises:
        CheckpointError: the model was trained on the latents of another WavCube.
    """

    noun: ClassVar[str]
    model_type: ClassVar[type[LatentRegressor]]

    sample_rate = SAMPLE_RATE
    """Hz, of what comes out."""

    def __init__(self, model: Any, codec: WavCube) -> None:
        expected, found = model.config.representation, WavCubeExtractor(codec, "latents").fingerprint
        if expected.fingerprint != found:
            raise CheckpointError(
                f"the {self.noun} model was trained on the latents of {expected.spec} ({expected.fingerprint}), this "
                f"WavCube's are others ({found}); name the one it was trained on with --codec"
            )
        self.model, self.codec, self.chunking = model, codec, CHUNKING

    @classmethod
    def from_pretrained(
        cls, folder: str | Path | None = None, *, codec: str | None = None, device: Any = "cpu"
    ) -> Self:
        """Load a model's folder, or that of its training run.

        Args:
            folder: None for the packaged model.
            codec: the WavCube that it was trained on (a folder or hub id), if that lies elsewhere than the model
                remembers.
            device: where to compute.

        Raises:
            CheckpointError: no such model or WavCube, or they do not belong together.
        """
        model = cls.model_type.from_pretrained(folder or "packaged", device)
        name = codec or codec_of(model.config.representation.spec)
        return cls(model, WavCube.from_pretrained(name, device=device))

    @property
    def precision(self) -> str:
        """What is computed in."""
        return self.codec.precision

    def expected_frames(self, samples: int) -> int:
        """Frames of a recording of so many samples at 16 kHz."""
        return self.codec.expected_frames(samples)

    def weights_fingerprint(self) -> str:
        """Names the weights of the model and of its WavCube."""
        return f"{fingerprint_module(self.model)}-{self.codec.weights_fingerprint()}"

    @property
    def shortest(self) -> int:
        """Samples at 16 kHz that a recording has at least."""
        return self.codec.config.encoder.receptive_field

    def map(
        self,
        function: Callable[[Tensor, Report], np.ndarray],
        speech: Any,
        sample_rate: int | None,
        progress: Report | None,
    ) -> Any:
        """`function` of the waveform [S] at 16 kHz of each recording that `speech` is, see `map_speech`."""
        return map_speech(
            function, speech, sample_rate, target_rate=self.sample_rate, shortest=self.shortest, progress=progress
        )

    def pieces(
        self, waveform: Tensor, gain: float = 1.0, report: Report | None = None
    ) -> Iterator[tuple[Span, Tensor, Tensor]]:
        """The frames of a waveform [S], times `gain`, piece by piece: which they are, features [T, H], latents [T, C].

        `report` hears when a piece has been used.
        """
        hop, field = self.codec.hop_length, self.codec.config.encoder.receptive_field
        total = self.codec.expected_frames(len(waveform))
        core, context = total, 0
        if self.chunking.applies(len(waveform) / SAMPLE_RATE):
            core, context = (round(s * self.codec.frame_rate) for s in (self.chunking.chunk, self.chunking.context))
        for span in spans(total, core, context):
            end = len(waveform) if span.last == total else hop * (span.last - 1) + field
            features, latents = encode(self.codec, waveform[None, hop * span.first : end] * gain)
            yield span, features[0], latents[0]
            if report is not None:
                report(span.end / total)


def check_output(output: str) -> None:
    """Refuse what is no `Output`.

    Raises:
        ConfigError: names it.
    """
    if output not in get_args(Output):
        raise ConfigError(f"output is {output!r}; there are {', '.join(get_args(Output))}")
