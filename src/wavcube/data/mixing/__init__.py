"""Mixtures made on the fly, a pure function of seed and number: speech with noise in rooms, and two talkers at once.

Read in this order: config, noise, rooms, pool, numbered; mixer (noisy speech), talkers (two at once); written and
written_talkers (as files).
"""

from wavcube.data.mixing.config import MixtureConfig, TalkerConfig
from wavcube.data.mixing.mixer import Mixer, Mixture
from wavcube.data.mixing.talkers import TalkerMixer, TalkerMixture

__all__ = ["Mixer", "Mixture", "MixtureConfig", "TalkerConfig", "TalkerMixer", "TalkerMixture"]
