"""From noisy recordings to clean ones: encode, clean the latent, decode."""

from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from torch import Tensor

from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.codec.inputs import map_speech
from wavcube.errors import CheckpointError, ConfigError
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.framing import SAMPLE_RATE
from wavcube.generation.enhancement.mask import masked
from wavcube.generation.enhancement.model import PACKAGED, LatentEnhancer
from wavcube.hashing import fingerprint_module

CHUNKING = Chunking(above=30.0, chunk=20.0, context=2.0)
"""Longer recordings go through in pieces: how long these are, and how much is encoded beyond both of their ends."""

PEAK = 0.7
"""Recordings are brought to this peak (-3 dBFS), as in training, and back."""

SILENCE = 1e-4
"""Recordings whose peak is below (-80 dBFS) are left as they are: there is no speech in them."""

Output = Literal["decoded", "masked"]
"""What comes out: speech that is made anew, or the recording with a gain on its spectrum."""


class SpeechEnhancer:
    """A model and the WavCube whose latents it cleans.

    Args:
        model: trained on the latents of `codec`.
        codec: encoder and decoder.

    Attributes:
        chunking: when and how long recordings are cut.

    Raises:
        CheckpointError: the model was trained on the latents of another WavCube.
    """

    sample_rate = SAMPLE_RATE
    """Hz, of what comes out."""

    def __init__(self, model: LatentEnhancer, codec: WavCube) -> None:
        expected, found = model.config.representation, WavCubeExtractor(codec, "latents").fingerprint
        if expected.fingerprint != found:
            raise CheckpointError(
                f"the enhancement model was trained on the latents of {expected.spec} ({expected.fingerprint}), this "
                f"WavCube's are others ({found}); name the one it was trained on with --codec"
            )
        self.model, self.codec, self.chunking = model, codec, CHUNKING

    @classmethod
    def from_pretrained(
        cls, folder: str | Path | None = None, *, codec: str | None = None, device: str | torch.device = "cpu"
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
        if folder is None and not PACKAGED.is_dir():
            raise CheckpointError("no trained enhancement model is packaged yet; name a model's folder (--model)")
        model = LatentEnhancer.from_pretrained(folder or PACKAGED, device)
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
            A waveform [S] at 16 kHz, float32, of the recording's length; a list of them for several.

        Raises:
            AudioError: a recording that cannot be used, by name.
            ConfigError: a strength outside 0 to 1, or an unknown output.
        """
        if output not in get_args(Output):
            raise ConfigError(f"output is {output!r}; there are {', '.join(get_args(Output))}")
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength is {strength}; it lies from 0 to 1")
        return map_speech(
            lambda waveform: self._clean(waveform, strength, output),
            speech,
            sample_rate,
            target_rate=self.sample_rate,
            shortest=self.codec.config.encoder.receptive_field,
        )

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
        hop, field = self.codec.hop_length, self.codec.config.encoder.receptive_field
        total = self.codec.expected_frames(len(waveform))
        core, context = total, 0
        if self.chunking.applies(len(waveform) / SAMPLE_RATE):
            core, context = (round(s * self.codec.frame_rate) for s in (self.chunking.chunk, self.chunking.context))
        kept = []
        for start in range(0, total, core):
            first, last = max(0, start - context), min(total, start + core + context)
            end = len(waveform) if last == total else hop * (last - 1) + field
            features, noisy = encode(self.codec, waveform[None, hop * first : end])
            cleaned = torch.lerp(noisy[0], self.model.clean(features[0], noisy[0]), strength)
            kept.append(cleaned[start - first : min(total, start + core) - first])
        return torch.cat(kept)


def encode(codec: WavCube, waveform: Tensor) -> tuple[Tensor, Tensor]:
    """Features [B, T, H] and latents [B, T, C], float32, of waveforms [B, S] of one length, encoded once.

    Raises:
        ConfigError: a WavCube whose latents have another frame rate than its features.
    """
    if codec.config.bottleneck.pooling != 1:
        raise ConfigError("enhancement cleans latents of 50 Hz; this WavCube has fewer frames a second")
    lengths = torch.full((len(waveform),), waveform.shape[1])
    with torch.no_grad():
        features, frames = codec.encode_batch(waveform, lengths, "features")
        latents = codec.compressor(features, frames).latent
    return features.float(), latents.float()


def codec_of(spec: str) -> str | None:
    """The folder or hub id in the specification of latents; None for the packaged WavCube.

    Raises:
        CheckpointError: it is another representation.
    """
    kind, _, name = spec.partition(":")
    if kind != "wavcube":
        raise CheckpointError(f"{spec}: enhancement works on latents of a WavCube (wavcube or wavcube:FOLDER)")
    return name or None
