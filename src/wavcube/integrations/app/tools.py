"""The tabs Clean up, Separate and Convert a voice: a recording, and what is made of it."""

from typing import get_args

import numpy as np

from wavcube.evaluation.metric import Recording
from wavcube.generation.regression.pipeline import Output
from wavcube.integrations.app.listening import Progress, listen
from wavcube.integrations.app.models import Models

CONSENT = "Converting to a voice needs its owner's consent."
OUTPUTS = get_args(Output)


def clean(recording: Recording, output: Output, strength: float, models: Models, progress: Progress) -> str:
    """HTML of a recording without its noise; see `SpeechEnhancer.enhance`.

    Raises:
        ConfigError: a strength or output that there is not.
        AudioError: too short a recording.
    """
    progress(0.05, desc="loading the model")
    enhancer = models.enhancer
    progress(0.2, desc="cleaning")
    made = enhancer.enhance(recording.waveform, recording.sample_rate, strength=strength, output=output)
    return listen({"recording": recording, "cleaned": _made(made, enhancer.sample_rate)})


def separate(recording: Recording, output: Output, models: Models, progress: Progress) -> str:
    """HTML of both talkers of a recording; see `SpeechSeparator.separate`.

    Raises:
        CheckpointError: no model is packaged.
        ConfigError: an output that there is not.
        AudioError: too short a recording.
    """
    progress(0.05, desc="loading the model")
    separator = models.separator
    progress(0.2, desc="separating")
    first, second = separator.separate(recording.waveform, recording.sample_rate, output=output)
    rate = separator.sample_rate
    return listen({"both": recording, "one talker": _made(first, rate), "the other": _made(second, rate)})


def convert(source: Recording, target: Recording, match: float, models: Models, progress: Progress) -> str:
    """HTML of a recording in the voice of another; see `VoiceConverter.convert`.

    Raises:
        ConfigError: the model's latent has no channels of pitch, or an impossible `match`.
        AudioError: a recording that cannot be used.
    """
    progress(0.05, desc="loading the model")
    converter = models.converter
    progress(0.2, desc="reading the voice")
    voice = converter.voice(target.waveform, target.sample_rate)
    progress(0.5, desc="converting")
    made = converter.convert(source.waveform, voice, source.sample_rate, match=match)
    return listen({"source": source, "converted": _made(made, converter.sample_rate)})


def _made(waveform: np.ndarray, sample_rate: int) -> Recording:
    return Recording(np.asarray(waveform, np.float32), sample_rate)
