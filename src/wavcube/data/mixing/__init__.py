"""Noisy and reverberant speech made on the fly: clean speech x noise x rooms, a pure function of the seed and a number.

Read in this order: config, noise, rooms, mixer.
"""

from wavcube.data.mixing.config import MixtureConfig
from wavcube.data.mixing.mixer import Mixer, Mixture

__all__ = ["Mixer", "Mixture", "MixtureConfig"]
