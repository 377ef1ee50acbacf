"""Noise and reverberation off: the latent of noisy speech is cleaned, then decoded.

    from wavcube.generation.enhancement import SpeechEnhancer
    enhancer = SpeechEnhancer.from_pretrained("runs/enhance")
    clean = enhancer.enhance("noisy.wav")

In the order the data flows: config, model (the network), pipeline (recordings in and out); training.
"""

from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.enhancement.pipeline import SpeechEnhancer

__all__ = ["LatentEnhancer", "SpeechEnhancer"]
