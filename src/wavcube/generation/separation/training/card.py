"""The model card that a finished training run leaves beside its weights."""

from wavcube import __version__
from wavcube.generation.regression.training.card import schedule, size, source_names
from wavcube.generation.separation.model import LatentSeparator
from wavcube.generation.separation.training.config import SeparateTrainConfig


def model_card(model: LatentSeparator, config: SeparateTrainConfig) -> str:
    """Markdown: what the model is, what it learnt from, how to use it."""
    representation, mixtures = model.config.representation, config.mixtures
    return f"""# Speech separation

Two talkers apart, or one whose voice is known, made with wavcube {__version__}: a transformer with {size(model)} that
gives the latents of both, of {representation.channels} numbers at {representation.frame_rate:g} Hz
(`{representation.fingerprint}`), which their WavCube then decodes.

- Speech: {source_names(mixtures.speech)}; levels up to {mixtures.level_difference_db:g} dB apart
- Noise in {mixtures.noise_share:.0%} of the mixtures; SNR {mixtures.snr_low_db:g} to {mixtures.snr_high_db:g} dB
- {schedule(config)}, half of them with {mixtures.enrolment_seconds:g} s of enrolment
- Words can be lost, changed, or given to the wrong talker. How much is not known before it has been measured.

    wavcube separate mix.wav -o FOLDER --model FOLDER
"""
