"""Numbers -> mixtures of two talkers, with a recording by which the first of them can be known."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wavcube.data.clip import Clip
from wavcube.data.mixing.config import TalkerConfig
from wavcube.data.mixing.numbered import NumberedMixtures
from wavcube.data.mixing.pool import crop, rms
from wavcube.errors import DataError
from wavcube.framing import SAMPLE_RATE

REST_S = 1.0
"""A recording that has to serve for mixture and enrolment leaves at least so much for the mixture."""

NONE = np.zeros(0, np.float32)


@dataclass(frozen=True)
class TalkerMixture:
    """Two talkers at once, and each of them alone.

    Attributes:
        mixture: [S] float32 at 16 kHz, full scale [-1, 1].
        sources: [2, S], the talkers as they are in it.
        enrolment: [E], the first talker in another recording, or another part of the same; [0] without one.
        difference_db: level of the first talker over that of the second, while both speak.
        snr_db: ratio of speech to noise; infinite without noise.
        parts: the recordings that it was made of.
    """

    mixture: np.ndarray
    sources: np.ndarray
    enrolment: np.ndarray
    difference_db: float
    snr_db: float
    parts: tuple[str, ...]


class TalkerMixer(NumberedMixtures[TalkerConfig]):
    """Two talkers at once by number; see `NumberedMixtures`.

    Raises:
        DataError: also where speech does not name its speakers, or all is of one.
    """

    speech_is = "lists of it"

    def __init__(self, config: TalkerConfig, samples: int, seed: int = 0) -> None:
        super().__init__(config, samples, seed)
        self.by_speaker = speakers(self.speech.clips)

    def __getitem__(self, number: int) -> TalkerMixture:
        """The mixture of a number from 0 on.

        Raises:
            DataError: too many of the recordings that were drawn for it cannot be used.
        """
        return self.numbered(number, self._mixture)

    def _mixture(self, random: np.random.Generator) -> TalkerMixture:
        first = self.speech.draw(random)
        second = self.other_talker(first, random)
        enrolment, first = self._enrolment(first, random)
        talkers = np.stack([crop(clip, self.samples, random) for clip in (first, second)])
        if random.random() < self.config.partial_share:
            _silence_a_part(talkers[int(random.integers(2))], random)
        known = crop(enrolment, round(self.config.enrolment_seconds * SAMPLE_RATE), random)
        mixture = self.mix(random, talkers, (first.name, second.name))
        return replace(mixture, enrolment=self.levelled(random, known))

    def other_talker(self, clip: Clip, random: np.random.Generator) -> Clip:
        """A recording of another speaker."""
        while True:
            other = self.speech.draw(random)
            if other.columns["speaker"] != clip.columns["speaker"]:
                return other

    def mix(self, random: np.random.Generator, talkers: np.ndarray, names: Sequence[str]) -> TalkerMixture:
        """Two waveforms [2, S] at once, with drawn levels and perhaps noise, without an enrolment."""
        config = self.config
        difference_db = random.uniform(-config.level_difference_db, config.level_difference_db)
        gains = [
            10 ** (sign * difference_db / 40) / _level(talker) for sign, talker in zip((1, -1), talkers, strict=True)
        ]
        sources = talkers * np.array(gains, np.float32)[:, None]
        mixture, snr_db, parts = sources.sum(0), np.inf, list(names)
        if random.random() < config.noise_share:
            noise = self.noise.noise(random, parts, len(mixture), config.coloured_share)
            snr_db = random.uniform(config.snr_low_db, config.snr_high_db)
            mixture = mixture + noise * np.float32(rms(mixture) * 10 ** (-snr_db / 20))
        gain = self._peak(random) / np.abs(mixture).max()
        return TalkerMixture(mixture * gain, sources * gain, NONE, float(difference_db), float(snr_db), tuple(parts))

    def levelled(self, random: np.random.Generator, enrolment: np.ndarray) -> np.ndarray:
        """A waveform with a drawn peak."""
        return enrolment * (self._peak(random) / np.abs(enrolment).max())

    def _peak(self, random: np.random.Generator) -> np.float32:
        return np.float32(10 ** (random.uniform(self.config.peak_low_db, self.config.peak_high_db) / 20))

    def _enrolment(self, clip: Clip, random: np.random.Generator) -> tuple[Clip, Clip]:
        """Another recording of a clip's speaker, and the clip; of a speaker with one recording, two parts of it."""
        own = [other for other in self.by_speaker[clip.columns["speaker"]] if other.path != clip.path]
        if own:
            return own[int(random.integers(len(own)))], clip
        seconds = self.config.enrolment_seconds
        assert clip.seconds is not None
        if clip.seconds < seconds + REST_S:
            return clip, clip
        start, rest = clip.start or 0.0, clip.seconds - seconds
        if random.random() < 0.5:
            return replace(clip, start=start, seconds=seconds), replace(clip, start=start + seconds, seconds=rest)
        return replace(clip, start=start + rest, seconds=seconds), replace(clip, start=start, seconds=rest)


def speakers(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Clips by their speakers.

    Raises:
        DataError: a clip does not name its speaker, or all are of one.
    """
    found: defaultdict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if not clip.columns.get("speaker"):
            raise DataError(f"mixtures: {clip.path} has no speaker; the list needs a column `speaker`")
        found[clip.columns["speaker"]].append(clip)
    if len(found) < 2:
        raise DataError(f"mixtures: all speech is of one speaker ({', '.join(found)}); two talkers need two")
    return dict(found)


def _silence_a_part(talker: np.ndarray, random: np.random.Generator) -> None:
    """Leave a random part of a waveform [S], in place."""
    length = int(random.uniform(0, 1) * len(talker))
    start = int(random.integers(len(talker) - length + 1))
    talker[:start] = 0
    talker[start + length :] = 0


def _level(talker: np.ndarray) -> float:
    """Root mean square of the samples that are not exactly zero; 1 where all are."""
    sound = talker[talker != 0]
    return max(rms(sound), 1e-4) if len(sound) else 1.0
