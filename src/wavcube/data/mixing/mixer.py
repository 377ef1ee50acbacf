"""Numbers -> mixtures of speech, noise and rooms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip, read_clip
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import read_clips
from wavcube.data.mixing.config import MixtureConfig
from wavcube.data.mixing.noise import coloured_noise, repeated
from wavcube.data.mixing.rooms import in_room
from wavcube.errors import AudioError, ConfigError, DataError
from wavcube.framing import SAMPLE_RATE
from wavcube.hashing import short_digest

MOST_TRIES = 16
"""After as many recordings that cannot be used, or hold only silence, a mixture is given up."""

SILENCE = 1e-4
"""Peak (-80 dBFS) below which a crop of speech or noise has no level to be scaled by."""

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


class Mixer:
    """Mixtures by number: the same number and seed always give the same mixture, whatever was made before.

    Args:
        config: what they are made of.
        samples: of each, at 16 kHz.
        seed: of all that is drawn.

    Raises:
        ConfigError: no speech, or sources whose weights are given in part.
        DataError: a source is missing, empty or malformed.
    """

    def __init__(self, config: MixtureConfig, samples: int, seed: int = 0) -> None:
        if not config.speech:
            raise ConfigError("mixtures: there is no speech; name a folder or a list (mixtures.speech=[{path: FILE}])")
        self.config, self.samples, self.seed = config, samples, seed
        self.speech = _Pool("speech", config.speech, config.min_seconds)
        self.noise = _Pool("noise", config.noise)
        self.rooms = _Pool("rooms", config.rooms)

    @property
    def fingerprint(self) -> str:
        """Names the mixtures: equal where the same numbers give the same mixtures, if files keep their content."""
        pools = [f"{clip.name} {share:.9g}" for pool in self._pools for clip, share in zip(*pool, strict=True)]
        numbers = {name: value for name, value in vars(self.config).items() if not isinstance(value, list)}
        return short_digest(repr((numbers, self.samples, self.seed)), *pools)

    @property
    def _pools(self) -> list[tuple[list[Clip], np.ndarray]]:
        return [(pool.clips, pool.shares) for pool in (self.speech, self.noise, self.rooms)]

    def __getitem__(self, number: int) -> Mixture:
        """The mixture of a number from 0 on.

        Raises:
            DataError: too many of the recordings that were drawn for it cannot be used.
        """

        def speech(random: np.random.Generator) -> tuple[str, np.ndarray]:
            clip = self.speech.draw(random)
            return clip.name, self._crop(clip, random)

        return self._mixture(number, speech)

    def around(self, number: int, clean: np.ndarray, name: str) -> Mixture:
        """A mixture with this speech [S] in it, of its length; noise, room and levels are those of the number.

        Raises:
            DataError: the speech is silent, or too many of the recordings that were drawn cannot be used.
        """
        return self._mixture(number, lambda random: (name, _sounding(clean, name)))

    def _mixture(self, number: int, speech: Callable[[np.random.Generator], tuple[str, np.ndarray]]) -> Mixture:
        random = np.random.default_rng([self.seed, number])
        reasons: list[str] = []
        for _ in range(MOST_TRIES):
            try:
                return self._mix(random, *speech(random))
            except (AudioError, _SilentError) as error:
                reasons.append(str(error))
        raise DataError(f"mixtures: {MOST_TRIES} draws in a row could not be used, the first: {reasons[0]}")

    def _mix(self, random: np.random.Generator, name: str, clean: np.ndarray) -> Mixture:
        config = self.config
        parts, wet, snr_db = [name], clean, np.inf
        if self.rooms.clips and random.random() < config.room_share:
            room = self.rooms.draw(random)
            wet = in_room(clean, read_clip(room), room.name)
            parts.append(room.name)
        noisy = wet
        if random.random() < config.noise_share:
            noise = self._noise(random, parts, len(clean))
            if random.random() < SECOND_NOISE_SHARE:
                second = self._noise(random, parts, len(clean))
                noise = noise + np.float32(10 ** (-random.uniform(0, 10) / 20)) * second
            snr_db = random.uniform(config.snr_low_db, config.snr_high_db)
            noisy = wet + noise * np.float32(_rms(wet) / max(_rms(noise), 1e-9) * 10 ** (-snr_db / 20))
        peak_db = random.uniform(config.peak_low_db, config.peak_high_db)
        gain = np.float32(10 ** (peak_db / 20) / np.abs(noisy).max())
        return Mixture(noisy * gain, clean * gain, float(snr_db), tuple(parts))

    def _crop(self, clip: Clip, random: np.random.Generator) -> np.ndarray:
        """A random part of a clip, as long as a mixture; a shorter one is repeated."""
        assert clip.seconds is not None
        seconds = self.samples / SAMPLE_RATE
        if clip.seconds > seconds:
            start = (clip.start or 0.0) + random.uniform(0.0, clip.seconds - seconds)
            clip = replace(clip, start=start, seconds=seconds)
        return np.resize(_sounding(read_clip(clip), clip.name), self.samples)

    def _noise(self, random: np.random.Generator, parts: list[str], samples: int) -> np.ndarray:
        """Noise [S] with a root mean square of 1."""
        if not self.noise.clips or random.random() < self.config.coloured_share:
            parts.append("coloured noise")
            noise = coloured_noise(samples, SAMPLE_RATE, random)
        else:
            clip = self.noise.draw(random)
            parts.append(clip.name)
            noise = _sounding(repeated(_sounding(read_clip(clip), clip.name), samples, random), clip.name)
        return noise / np.float32(_rms(noise))


class _SilentError(Exception):
    """A crop in which there is nothing to be mixed."""


class _Pool:
    """Recordings of one kind, and the share of draws that each gets."""

    def __init__(self, what: str, sources: Sequence[SourceConfig], min_seconds: float = 0.0) -> None:
        weights = [source.weight for source in sources]
        if None in weights and any(weights):
            raise ConfigError(f"mixtures: some sources of {what} have a weight and some have none; give it to all")
        self.clips: list[Clip] = []
        shares: list[np.ndarray] = []
        for source, weight in zip(sources, weights, strict=True):
            if source.kind not in ("auto", "folder", "list", "jsonl", "lhotse"):
                raise ConfigError(f"mixtures: {source.path}: {source.kind} has no random access; give a list or folder")
            if source.root or source.column != "path":
                raise ConfigError(f"mixtures: {source.path}: a list names files in its column `path`, from its folder")
            found = [
                clip for clip in read_clips(Path(source.path), source.where)
                if clip.seconds is not None and clip.seconds >= min_seconds
            ]  # fmt: skip
            if not found:
                raise DataError(f"{source.path}: no recording of {what} lasts {min_seconds:g} s")
            self.clips += found
            shares.append(np.full(len(found), 1.0 if weight is None else weight / len(found)))
        self.shares = np.concatenate(shares) / sum(part.sum() for part in shares) if shares else np.zeros(0)
        self._ends = np.cumsum(self.shares)

    def draw(self, random: np.random.Generator) -> Clip:
        place = int(np.searchsorted(self._ends, random.random(), side="right"))
        return self.clips[min(place, len(self.clips) - 1)]


def _rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def _sounding(waveform: np.ndarray, name: str) -> np.ndarray:
    """The waveform, if there is any sound in it."""
    if len(waveform) == 0 or float(np.abs(waveform).max()) <= SILENCE:
        raise _SilentError(f"{name}: is silent there")
    return waveform
