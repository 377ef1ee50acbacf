"""Numbers -> mixtures of speech, noise and rooms."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wavcube.data.clip import read_clip
from wavcube.data.mixing.config import MixtureConfig
from wavcube.data.mixing.numbered import NumberedMixtures
from wavcube.data.mixing.pool import Pool, crop, rms, sounding
from wavcube.data.mixing.rooms import in_room

SECOND_NOISE_SHARE = 0.3
"""Of the mixtures with noise, so many have two noises at once, the second up to 10 dB below the first."""


@dataclass(frozen=True)
class Mixture:
    """Noisy speech and what is clean in it.

    Attributes:
        noisy: [S] float32 at 16 kHz, full scale [-1, 1].
        clean: [S], the dry speech at the level of its direct sound in `noisy`.
        snr_db: ratio of reverberant speech to noise; infinite without noise.
        parts: the recordings that it was made of; one that begins "coloured" is made of random numbers.
    """

    noisy: np.ndarray
    clean: np.ndarray
    snr_db: float
    parts: tuple[str, ...]


class Mixer(NumberedMixtures[MixtureConfig]):
    """Noisy speech by number, in rooms where there are any; see `NumberedMixtures`."""

    def __init__(self, config: MixtureConfig, samples: int, seed: int = 0) -> None:
        super().__init__(config, samples, seed)
        self.rooms = Pool("rooms", config.rooms)
        self.pools.append(self.rooms)

    def __getitem__(self, number: int) -> Mixture:
        """The mixture of a number from 0 on.

        Raises:
            DataError: too many of the recordings that were drawn for it cannot be used.
        """

        def speech(random: np.random.Generator) -> tuple[str, np.ndarray]:
            clip = self.speech.draw(random)
            return clip.name, crop(clip, self.samples, random)

        return self._mixture(number, speech)

    def around(self, number: int, clean: np.ndarray, name: str) -> Mixture:
        """A mixture with this speech [S] in it, of its length; noise, room and levels are those of the number.

        Raises:
            DataError: the speech is silent, or too many of the recordings that were drawn cannot be used.
        """
        return self._mixture(number, lambda random: (name, sounding(clean, name)))

    def _mixture(self, number: int, speech: Callable[[np.random.Generator], tuple[str, np.ndarray]]) -> Mixture:
        return self.numbered(number, lambda random: self._mix(random, *speech(random)))

    def _mix(self, random: np.random.Generator, name: str, clean: np.ndarray) -> Mixture:
        config = self.config
        parts, wet, snr_db = [name], clean, np.inf
        if self.rooms.clips and random.random() < config.room_share:
            room = self.rooms.draw(random)
            wet = in_room(clean, read_clip(room), room.name)
            parts.append(room.name)
        noisy = wet
        if random.random() < config.noise_share:
            noise = self.noise.noise(random, parts, len(clean), config.coloured_share)
            if random.random() < SECOND_NOISE_SHARE:
                second = self.noise.noise(random, parts, len(clean), config.coloured_share)
                noise = noise + np.float32(10 ** (-random.uniform(0, 10) / 20)) * second
            snr_db = random.uniform(config.snr_low_db, config.snr_high_db)
            noisy = wet + noise * np.float32(rms(wet) / max(rms(noise), 1e-9) * 10 ** (-snr_db / 20))
        peak_db = random.uniform(config.peak_low_db, config.peak_high_db)
        gain = np.float32(10 ** (peak_db / 20) / np.abs(noisy).max())
        return Mixture(noisy * gain, clean * gain, float(snr_db), tuple(parts))
