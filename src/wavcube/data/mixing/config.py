"""Settings of mixtures: where speech, noise and rooms come from, and in which shares and levels they are mixed."""

from dataclasses import dataclass, field

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
        for name in ("noise_share", "coloured_share", "room_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"mixtures: {name} is {getattr(self, name)}; give a share from 0 to 1")
        if self.snr_low_db > self.snr_high_db:
            raise ConfigError(f"mixtures: snr_low_db {self.snr_low_db} is above snr_high_db {self.snr_high_db}")
        if self.peak_low_db > self.peak_high_db or self.peak_high_db > 0:
            raise ConfigError(
                f"mixtures: peaks are drawn from {self.peak_low_db} to {self.peak_high_db} dBFS; they must be in "
                "rising order and not above 0"
            )
