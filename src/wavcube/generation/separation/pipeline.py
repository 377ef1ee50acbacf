"""From recordings of two talkers to each of them alone: encode, separate the latent, decode or mask."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.inputs import Report, gather_speech
from wavcube.errors import AudioError
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.regression.decoding import ENCODED, decode_into, peak_of
from wavcube.generation.regression.encoding import encode
from wavcube.generation.regression.masks import shared
from wavcube.generation.regression.pipeline import PEAK, SILENCE, LatentTool, Output, check_output
from wavcube.generation.regression.spans import Span
from wavcube.generation.separation.model import Enrolment, LatentSeparator
from wavcube.generation.separation.order import joined

SHORTEST_ENROLMENT_S = 1.0


class SpeechSeparator(LatentTool):
    """A model and the WavCube whose latents it separates, see `LatentTool`."""

    noun = "separation"
    model_type = LatentSeparator
    model: LatentSeparator

    def separate(
        self,
        speech: Any,
        sample_rate: int | None = None,
        *,
        output: Output = "masked",
        progress: Report | None = None,
    ) -> Any:
        """Both talkers of one or several recordings, each recording as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            sample_rate: of arrays, in Hz.
            output: "masked" for the recording with gains on its spectrum, whose sum is the recording; "decoded" for
                speech that the decoder makes of the latents.
            progress: called with the share of the work that is done, from 0 to 1.

        Returns:
            Waveforms [2, S] at 16 kHz, float32, of the recording's length; a list of them for several. The order of
            the talkers has no meaning. Of a recording without sound, it and zeros.

        Raises:
            AudioError: a recording that cannot be used, by name.
            ConfigError: an unknown output.
        """
        check_output(output)
        return self.map(
            lambda waveform, report: self._separated(waveform, None, output, report), speech, sample_rate, progress
        )

    def extract(
        self,
        speech: Any,
        voice: Any,
        sample_rate: int | None = None,
        *,
        voice_rate: int | None = None,
        output: Output = "masked",
        progress: Report | None = None,
    ) -> Any:
        """One talker of each recording, whose voice is known; arguments and results as of `separate`, but [S].

        Args:
            voice: the enrolment, a recording of that talker alone, of 1 s or more; of a longer one than the model was
                trained with, the loudest part is used. Or what `enrolment` made of it, for use with many recordings.
            voice_rate: of the enrolment, where it is an array, in Hz.

        Raises:
            AudioError: a recording, or the enrolment, that cannot be used.
        """
        check_output(output)
        known = voice if isinstance(voice, Enrolment) else self.enrolment(voice, voice_rate)
        return self.map(
            lambda waveform, report: self._separated(waveform, known, output, report)[0], speech, sample_rate, progress
        )

    def enrolment(self, voice: Any, sample_rate: int | None = None) -> Enrolment:
        """What the model has to know of a voice, from a recording of it; `extract` takes it as `voice`.

        Raises:
            AudioError: it is too short or silent.
        """
        batch = gather_speech(voice, sample_rate, None, target_rate=self.sample_rate, shortest=self.shortest)
        if len(batch.names) > 1:
            raise AudioError(f"the enrolment is one recording, not {len(batch.names)}")
        waveform, name = batch.waveform[0].float(), batch.names[0]
        if len(waveform) < SHORTEST_ENROLMENT_S * SAMPLE_RATE:
            raise AudioError(f"{name}: an enrolment lasts {SHORTEST_ENROLMENT_S:g} s or more; this is shorter")
        part = _loudest(waveform, round(self.model.config.enrolment_seconds * SAMPLE_RATE))
        peak = float(part.abs().max())
        if peak < SILENCE:
            raise AudioError(f"{name}: is silent; an enrolment has the voice in it that is to be kept")
        features, latents = encode(self.codec, part[None] * (PEAK / peak))
        return Enrolment(features[0], latents[0])

    def _separated(self, waveform: Tensor, known: Enrolment | None, output: Output, report: Report) -> np.ndarray:
        peak = peak_of(waveform)
        if peak < SILENCE:
            return torch.stack([waveform, torch.zeros_like(waveform)]).numpy()
        latents = self.latents(waveform, known, gain=PEAK / peak, report=lambda share: report(ENCODED * share))
        return self.waveforms(waveform, latents, output, lambda share: report(ENCODED + (1 - ENCODED) * share))

    def waveforms(
        self, mixture: Tensor, latents: Tensor, output: Output, report: Report = lambda share: None
    ) -> np.ndarray:
        """Both talkers [2, S] of a mixture [S] with sound, from their latents [T, 2, C] where its peak is `PEAK`."""
        made = mixture.new_empty(2, len(mixture))
        decode_into(made[0], self.codec, latents[:, 0], lambda share: report(share / 2))
        decode_into(made[1], self.codec, latents[:, 1], lambda share: report((1 + share) / 2))
        made *= peak_of(mixture) / PEAK
        if output == "masked":
            shared(mixture, made)
        return made.clamp_(-1, 1).numpy()

    @torch.no_grad()
    def latents(
        self,
        waveform: Tensor,
        known: Enrolment | None = None,
        *,
        gain: float = 1.0,
        report: Report | None = None,
    ) -> Tensor:
        """Latents [T, 2, C] of both talkers, float32, of a waveform [S] at 16 kHz, times `gain`.

        `known` see `enrolment`.
        """

        def windows() -> Iterator[tuple[Span, Tensor]]:
            for span, features, latents in self.pieces(waveform, gain, report):
                own = self.model.separated(features, latents, known)
                yield span, joined(own, len(latents), known is not None)

        return joined(windows(), self.expected_frames(len(waveform)), known is not None)


def _loudest(waveform: Tensor, samples: int) -> Tensor:
    """The part of a waveform [S], so many samples long, that has the most energy."""
    if len(waveform) <= samples:
        return waveform
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), waveform.double().square().cumsum(0)])
    start = int((sums[samples:] - sums[:-samples]).argmax())
    return waveform[start : start + samples]
