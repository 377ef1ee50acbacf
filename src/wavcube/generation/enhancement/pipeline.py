"""From noisy recordings to clean ones: encode, clean the latent, decode."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavcube.errors import ConfigError
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.regression.masks import masked
from wavcube.generation.regression.pipeline import PEAK, SILENCE, LatentTool, Output, check_output


class SpeechEnhancer(LatentTool):
    """A model and the WavCube whose latents it cleans, see `LatentTool`."""

    noun = "enhancement"
    model_type = LatentEnhancer
    packaged = Path(__file__).parent / "pretrained" / "small"
    model: LatentEnhancer

    def enhance(
        self, speech: Any, sample_rate: int | None = None, *, strength: float = 1.0, output: Output = "decoded"
    ) -> Any:
        """Clean one or several recordings, each as if it were alone.

        Args:
            speech: whatever `WavCube.encode` takes: a path, an array [S] with its `sample_rate`, or a list of them.
            sample_rate: of arrays, in Hz.
            strength: 1 for all that the model does; below, the latent lies so far between that of the recording (0)
                and the clean one.
            output: "decoded" for speech that the decoder makes of the cleaned latent; "masked" for the recording itself
                with a gain on its spectrum, so that nothing is louder than in the decoded speech: voice and phase stay
                the recording's, reverberation stays in part.

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
        return self.map(lambda waveform: self._clean(waveform, strength, output), speech, sample_rate)

    def _clean(self, waveform: Tensor, strength: float, output: Output) -> np.ndarray:
        peak = float(waveform.abs().max())
        if peak < SILENCE:
            return waveform.numpy()
        latents = self.latents(waveform * (PEAK / peak), strength)
        decoded = self.codec.decode(latents[None], len(waveform))[0].float().cpu()
        made = decoded * (peak / PEAK)
        if output == "masked":
            made = masked(waveform, made)
        return made.clamp(-1, 1).numpy()

    @torch.no_grad()
    def latents(self, waveform: Tensor, strength: float = 1.0) -> Tensor:
        """Cleaned latents [T, C], float32, of a waveform [S] at 16 kHz."""
        return torch.cat(
            [
                torch.lerp(noisy, self.model.clean(features, noisy), strength)[span.kept]
                for span, features, noisy in self.pieces(waveform)
            ]
        )
