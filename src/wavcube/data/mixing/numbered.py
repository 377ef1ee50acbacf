"""Mixtures by number: what both kinds share."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from wavcube.data.mixing.config import MixtureConfig, TalkerConfig, described
from wavcube.data.mixing.pool import Made, Pool, drawn
from wavcube.errors import ConfigError
from wavcube.hashing import short_digest

Config = TypeVar("Config", MixtureConfig, TalkerConfig)


class NumberedMixtures(Generic[Config]):
    """Mixtures by number: the same number and seed always give the same mixture, whatever was made before.

    Args:
        config: what they are made of.
        samples: of each, at 16 kHz.
        seed: of all that is drawn.

    Raises:
        ConfigError: no speech, or sources whose weights are given in part.
        DataError: a source is missing, empty or malformed.
    """

    speech_is = "a folder or a list"
    """For the error where there is none."""

    def __init__(self, config: Config, samples: int, seed: int = 0) -> None:
        if not config.speech:
            raise ConfigError(f"mixtures: there is no speech; name {self.speech_is} (mixtures.speech=[{{path: FILE}}])")
        self.config: Config = config
        self.samples, self.seed = samples, seed
        self.speech = Pool("speech", config.speech, config.min_seconds)
        self.noise = Pool("noise", config.noise)
        self.pools = [self.speech, self.noise]

    @property
    def fingerprint(self) -> str:
        """Names the mixtures: equal where the same numbers give the same mixtures, if files keep their content."""
        recordings = [f"{pool.what}: {line}" for pool in self.pools for line in pool.described()]
        return short_digest(repr((described(self.config), self.samples, self.seed)), *recordings)

    def numbered(self, number: int, make: Callable[[np.random.Generator], Made]) -> Made:
        """What `make` gives with the random numbers of a mixture.

        Raises:
            DataError: too many of the recordings that were drawn for it cannot be used.
        """
        return drawn(np.random.default_rng([self.seed, number]), make)
