"""From noisy recordings to clean ones: encode, clean the latent, decode."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.inputs import Report
from wavcube.errors import ConfigError
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.regression.decoding import ENCODED, decode_into, peak_of
from wavcube.generation.regression.masks import masked
from wavcube.generation.regression.pipeline import PEAK, SILENCE, LatentTool, Output, check_output


class SpeechEnhancer(LatentTool):
    """A model and the WavCube whose latents it cleans, see `LatentTool`."""

    noun = "enhancement"
    model_type = LatentEnhancer
    model: LatentEnhancer

    def enhance(
        self,
        speech: Any,
        sample_rate: int | None = None,
        *,
        strength: float = 1.0,
        output: Output = "masked",
        progress: Report | None = None,
    ) -> Any:
        """Clean one or several recordings, each as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            sample_rate: of arrays, in Hz.
            strength: 1 for all that the model does; below, the latent lies so far between that of the recording (0)
                and the clean one.
            output: "decoded" for speech that the decoder makes of the cleaned latent, which can change words; "masked"
                for the recording itself with a gain on its spectrum, so that nothing is louder than in the decoded
                speech: voice and phase stay the recording's, reverberation stays in part.
            progress: called with the share of the work that is done, from 0 to 1.

        Returns:
            A waveform [S] at 16 kHz, float32, of the recording's length; a list of them for several. A recording
            without sound is given back as it is.

        Raises:
            AudioError: a recording that cannot be used, by name.
            ConfigError: a strength outside 0 to 1, or an unknown output.
        """
        check_output(output)
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength is {strength}; it lies from 0 to 1")
        return self.map(
            lambda waveform, report: self._clean(waveform, strength, output, report), speech, sample_rate, progress
        )

    def _clean(self, waveform: Tensor, strength: float, output: Output, report: Report) -> np.ndarray:
        peak = peak_of(waveform)
        if peak < SILENCE:
            return waveform.clone().numpy()
        latents = self.latents(waveform, strength, gain=PEAK / peak, report=lambda share: report(ENCODED * share))
        made = torch.empty_like(waveform)
        decode_into(made, self.codec, latents, lambda share: report(ENCODED + (1 - ENCODED) * share))
        made *= peak / PEAK
        if output == "masked":
            masked(waveform, made)
        return made.clamp_(-1, 1).numpy()

    @torch.no_grad()
    def latents(
        self, waveform: Tensor, strength: float = 1.0, *, gain: float = 1.0, report: Report | None = None
    ) -> Tensor:
        """Cleaned latents [T, C], float32, of a waveform [S] at 16 kHz, times `gain`."""
        made = torch.empty(self.expected_frames(len(waveform)), self.codec.latent_dim)
        for span, features, noisy in self.pieces(waveform, gain, report):
            mixed = torch.lerp(noisy, self.model.clean(features, noisy), strength)
            made[span.start : span.end] = mixed[span.kept]
        return made
