"""The model card that a finished training run leaves beside its weights."""

from pathlib import Path

from wavcube import __version__
from wavcube.data.config import SourceConfig
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig


def model_card(model: LatentEnhancer, config: EnhanceTrainConfig) -> str:
    """Markdown: what the model is, what it learnt from, how to use it."""
    kind, representation, mixtures = model.config.transformer, model.config.representation, config.mixtures
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    pool = f"a pool of {config.batches.pool} mixtures" if config.batches.pool else "new mixtures in every step"
    return f"""# Speech enhancement

Noise and reverberation off, made with wavcube {__version__}: a transformer with {millions:.1f} M parameters (width
{kind.width}, {kind.layers} layers) that cleans latents of {representation.channels} numbers at
{representation.frame_rate:g} Hz (`{representation.fingerprint}`), which their WavCube then decodes.

- Speech: {_names(mixtures.speech)}
- Noise: {_names(mixtures.noise)}, and coloured noise; SNR {mixtures.snr_low_db:g} to {mixtures.snr_high_db:g} dB
- Rooms: {_names(mixtures.rooms)}
- {config.optimizer.steps} updates of {config.batches.mixtures} mixtures of {config.batches.seconds:g} s a device, from
  {pool}
- What comes out is made anew by a decoder: words can be lost or changed, and a voice sounds less like itself. How much
  is not known before it has been measured.

    wavcube enhance noisy.wav -o clean.wav --model FOLDER
"""


def _names(sources: list[SourceConfig]) -> str:
    return ", ".join(
        Path(source.path).name + "".join(f" ({column} {values})" for column, values in source.where.items())
        for source in sources
    )  # fmt: skip
