"""The model card that a finished training run leaves beside its weights."""

from wavcube import __version__
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig
from wavcube.generation.regression.training.card import schedule, size, source_names


def model_card(model: LatentEnhancer, config: EnhanceTrainConfig) -> str:
    """Markdown: what the model is, what it learnt from, how to use it."""
    representation, mixtures = model.config.representation, config.mixtures
    return f"""# Speech enhancement

Noise and reverberation off, made with wavcube {__version__}: a transformer with {size(model)} that cleans latents of
{representation.channels} numbers at {representation.frame_rate:g} Hz (`{representation.fingerprint}`), which their
WavCube then decodes.

- Speech: {source_names(mixtures.speech)}
- Noise: {source_names(mixtures.noise)}, and coloured noise; SNR {mixtures.snr_low_db:g} to {mixtures.snr_high_db:g} dB
- Rooms: {source_names(mixtures.rooms)}
- {schedule(config)}
- What comes out is made anew by a decoder: words can be lost or changed, and a voice sounds less like itself. How much
  is not known before it has been measured.

    wavcube enhance noisy.wav -o clean.wav --model FOLDER
"""
