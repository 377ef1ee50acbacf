"""The typed configuration of a training or validation loader."""

from dataclasses import dataclass, field

from wavcube.errors import ConfigError

KINDS = ("auto", "folder", "list", "jsonl", "lhotse", "shar", "webdataset", "huggingface")


@dataclass
class SourceConfig:
    """One place that recordings come from; docs/data.md describes every kind.

    Attributes:
        path: a folder, a list, a manifest, a Shar folder, or tar shards (local with braces or wildcards, a URL, or
            `pipe:` and a command).
        kind: one of `KINDS`; "auto" infers it from the path.
        root: what relative paths in a list are relative to; empty for the list's own folder.
        column: column of a TSV or CSV list that holds the paths.
        where: keep only the rows of a TSV or CSV list with these values, alternatives separated by `|`
            (`{split: train, sex: F|M}`).
        weight: how often this source is drawn from, relative to the others. Without weights all sources are one pool in
            which every recording comes up once an epoch.
    """

    path: str = ""
    kind: str = "auto"
    root: str = ""
    column: str = "path"
    where: dict[str, str] = field(default_factory=dict)
    weight: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"data source {self.path}: no kind {self.kind!r}; there are {', '.join(KINDS)}")
        if self.weight is not None and not self.weight > 0:
            raise ConfigError(f"data source {self.path}: its weight is {self.weight}; weights are positive")


@dataclass
class DataConfig:
    """All settings of a loader that concern its recordings.

    Attributes:
        sources: where they come from.
        peak_low_db, peak_high_db: a training crop is scaled to a peak drawn from this range, in dBFS.
        validation_peak_db: the peak of every validation crop, in dBFS.
        min_seconds, max_seconds: recordings (or cuts of a manifest) outside of these are left out. A model needs 400
            samples at least, 0.025 s.
        resample: convert recordings at other rates to 16 kHz; if false they count as bad.
        crop_variants: a recording in a list or folder has so many different crops, which take turns from epoch to
            epoch, so that features of them can be cached; 0 for a new crop every time.
        shuffle_buffer: with Shar and WebDataset, how many clips of a shard are held in memory to be drawn from.
        check_files: how many recordings, spread evenly, are opened before anything starts.
        max_bad_share: stop when more than this share of the recordings could not be used...
        bad_share_after: ...once this many have been seen.
    """

    sources: list[SourceConfig] = field(default_factory=list)
    peak_low_db: float = -6.0
    peak_high_db: float = -1.0
    validation_peak_db: float = -3.0
    min_seconds: float = 0.025
    max_seconds: float | None = None
    resample: bool = True
    crop_variants: int = 0
    shuffle_buffer: int = 100
    check_files: int = 50
    max_bad_share: float = 0.05
    bad_share_after: int = 200

    def __post_init__(self) -> None:
        if self.peak_low_db > self.peak_high_db or self.peak_high_db > 0 or self.validation_peak_db > 0:
            raise ConfigError(
                f"data: peaks are drawn from {self.peak_low_db} to {self.peak_high_db} dBFS, {self.validation_peak_db} "
                "for validation; they must be in rising order and not above 0"
            )
        if self.max_seconds is not None and self.max_seconds <= self.min_seconds:
            raise ConfigError(f"data: max_seconds {self.max_seconds} is not above min_seconds {self.min_seconds}")
        if not 0 <= self.max_bad_share <= 1:
            raise ConfigError(f"data: max_bad_share is {self.max_bad_share}; give a share from 0 to 1")
        if self.crop_variants < 0:
            raise ConfigError(f"data: crop_variants is {self.crop_variants}; it must be 0 or more")
        for name in ("shuffle_buffer", "check_files", "bad_share_after"):
            if getattr(self, name) < 1:
                raise ConfigError(f"data: {name} is {getattr(self, name)}; it must be 1 or more")
