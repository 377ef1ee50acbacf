"""The model card that a finished training run leaves beside its weights."""

from pathlib import Path

from wavcube import __version__
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.training.config import SpeechTrainConfig

CONSENT = (
    "Cloning a voice needs the consent of the person whose voice it is. Do not use this model to imitate anybody "
    "without it, and say that speech is synthetic wherever you publish it."
)


def model_card(model: FlowMatchingTTS, config: SpeechTrainConfig) -> str:
    """Markdown: what the model is, what it learnt from, how to use it, what it must not be used for."""
    kind, representation = model.config.transformer, model.config.representation
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    data = ", ".join(
        Path(corpus.path).name + "".join(f", {column} {values}" for column, values in corpus.where.items())
        for corpus in config.data.train
    )
    begun = f", from the weights of {Path(config.init_from).name}" if config.init_from else ""
    return f"""# Text to speech

Zero-shot text to speech by flow matching, made with wavcube {__version__}: a diffusion transformer with
{millions:.1f} M parameters (width {kind.width}, {kind.layers} layers) over frames of {representation.channels} numbers
at {representation.frame_rate:g} Hz (`{representation.fingerprint}`).

- Languages of the training data: {", ".join(model.config.languages)}
- Text: {model.config.text_frontend}, {len(model.vocabulary)} tokens
- Trained on: {data}{begun}; {config.optimizer.steps} updates of up to {config.batches.seconds:g} s a device
- How well it speaks is not known before `wavcube evaluate tts` has measured it.

    wavcube tts "Any text." --prompt voice.wav --prompt-text "What the voice says." --model FOLDER

**{CONSENT}**
"""
