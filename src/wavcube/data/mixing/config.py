"""Settings of mixtures: where speech, noise and rooms come from, and in which shares and levels they are mixed."""

from dataclasses import dataclass, field
from typing import Any

from wavcube.data.config import SourceConfig
from wavcube.errors import ConfigError


@dataclass
class MixtureConfig:
    """What mixtures are made of.

    Attributes:
        speech: clean recordings. A source's `weight` is how often it is drawn from; without weights every recording is
            as likely as any other. Folders and lists, no shards.
        noise: recordings of noise; may be empty, then all noise is coloured noise.
        rooms: room impulse responses; may be empty, then nothing is reverberant.
        min_seconds: shorter speech is left out. Speech that is shorter than a mixture is repeated.
        snr_low_db, snr_high_db: the ratio of (reverberant) speech to noise is drawn from this range.
        noise_share: of the mixtures, so many have noise.
        coloured_share: of the noises, so many are random numbers with a random spectral slope.
        room_share: of the mixtures, so many are reverberant.
        peak_low_db, peak_high_db: the peak of the mixture is drawn from this range, in dBFS.
    """

    speech: list[SourceConfig] = field(default_factory=list)
    noise: list[SourceConfig] = field(default_factory=list)
    rooms: list[SourceConfig] = field(default_factory=list)
    min_seconds: float = 1.0
    snr_low_db: float = -5.0
    snr_high_db: float = 20.0
    noise_share: float = 0.95
    coloured_share: float = 0.2
    room_share: float = 0.5
    peak_low_db: float = -12.0
    peak_high_db: float = -1.0

    def __post_init__(self) -> None:
        _check(self, "noise_share", "coloured_share", "room_share")


@dataclass
class TalkerConfig:
    """What mixtures of two talkers are made of.

    Attributes:
        speech: lists of clean recordings with a column `speaker`; `weight` as in `MixtureConfig`.
        noise: recordings of noise; may be empty, then all noise is coloured noise.
        min_seconds: shorter speech is left out. Speech that is shorter than a mixture is repeated.
        level_difference_db: one of the talkers, either, is quieter than the other by up to so much.
        partial_share: in so many mixtures one of the talkers speaks during a part of the time only, of any length.
        enrolment_seconds: length of another recording, or part of one, of the first talker.
        noise_share: of the mixtures, so many have noise.
        coloured_share: of the noises, so many are random numbers with a random spectral slope.
        snr_low_db, snr_high_db: the ratio of speech to noise is drawn from this range.
        peak_low_db, peak_high_db: the peak of the mixture, and that of the enrolment, are drawn from this range, dBFS.
    """

    speech: list[SourceConfig] = field(default_factory=list)
    noise: list[SourceConfig] = field(default_factory=list)
    min_seconds: float = 1.0
    level_difference_db: float = 5.0
    partial_share: float = 0.2
    enrolment_seconds: float = 3.0
    noise_share: float = 0.2
    coloured_share: float = 0.5
    snr_low_db: float = 15.0
    snr_high_db: float = 30.0
    peak_low_db: float = -12.0
    peak_high_db: float = -1.0

    def __post_init__(self) -> None:
        _check(self, "partial_share", "noise_share", "coloured_share")
        if self.level_difference_db < 0:
            raise ConfigError(f"mixtures: level_difference_db is {self.level_difference_db}; it must not be below 0")
        if not 1 <= self.enrolment_seconds <= 30:
            raise ConfigError(f"mixtures: enrolment_seconds is {self.enrolment_seconds}; it lies from 1 to 30")


def described(config: MixtureConfig | TalkerConfig) -> dict[str, Any]:
    """All settings but the recordings."""
    return {name: value for name, value in vars(config).items() if not isinstance(value, list)}


def _check(config: MixtureConfig | TalkerConfig, *shares: str) -> None:
    for name in shares:
        if not 0 <= getattr(config, name) <= 1:
            raise ConfigError(f"mixtures: {name} is {getattr(config, name)}; give a share from 0 to 1")
    if config.snr_low_db > config.snr_high_db:
        raise ConfigError(f"mixtures: snr_low_db {config.snr_low_db} is above snr_high_db {config.snr_high_db}")
    if config.peak_low_db > config.peak_high_db or config.peak_high_db > 0:
        raise ConfigError(
            f"mixtures: peaks are drawn from {config.peak_low_db} to {config.peak_high_db} dBFS; they must be in "
            "rising order and not above 0"
        )
