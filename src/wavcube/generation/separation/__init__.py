"""Two talkers at once -> each of them alone: two latents of the mixture, then decoded or turned into masks.

    from wavcube.generation.separation import SpeechSeparator
    separator = SpeechSeparator.from_pretrained("runs/separate")
    first, second = separator.separate("mix.wav")
    voice = separator.extract("mix.wav", "voice.wav")

In the order the data flows: config, model (the network), order (which output is whose), pipeline; training.
"""

from wavcube.generation.separation.model import LatentSeparator
from wavcube.generation.separation.pipeline import SpeechSeparator

__all__ = ["LatentSeparator", "SpeechSeparator"]
