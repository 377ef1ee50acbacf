"""What is known of one shard that is complete. It is written last: a shard without its record is none."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from wavcube.errors import DataError

TAR, CUTS, RECORD = "shards/latent.{:06d}.tar", "shards/cuts.{:06d}.jsonl.gz", "records/{:06d}.json"
RECORDINGS_TAR = "shards/recording.{:06d}.tar"
"""Of what `wavcube decode` makes of a shard of latents."""


class Place(NamedTuple):
    """Where in the tar the file of a recording lies, in bytes; and what it is of."""

    offset: int
    size: int
    frames: int
    samples: int


@dataclass
class Moments:
    """Sums over all frames [C] of values and their squares, and over all values of the squared error of storing them.

    They are of the values as they were computed, in float64; those of several shards are added.
    """

    frames: int
    total: list[float]
    squares: list[float]
    squared_error: float

    def add(self, other: "Moments") -> None:
        self.frames += other.frames
        self.total = [a + b for a, b in zip(self.total, other.total, strict=True)] if self.total else other.total
        self.squares = (
            [a + b for a, b in zip(self.squares, other.squares, strict=True)] if self.squares else other.squares
        )
        self.squared_error += other.squared_error

    @property
    def mean(self) -> list[float]:
        return [value / self.frames for value in self.total]

    @property
    def std(self) -> list[float]:
        pairs = zip(self.squares, self.mean, strict=True)
        return [max(square / self.frames - mean**2, 0.0) ** 0.5 for square, mean in pairs]

    @property
    def relative_error(self) -> float:
        """Relative L2 error of storing the values."""
        power = sum(self.squares)
        return (self.squared_error / power) ** 0.5 if power else 0.0


@dataclass
class ShardRecord:
    """One shard of latents, or of the recordings that were decoded from them.

    Attributes:
        number: of the shard.
        source: what it was made from: a slice of a list, a tar, ...
        settings: digest of the model and all settings that change its bytes.
        input: digest of what it was made from.
        bytes: size of the tar and of the cuts.
        places: of each cut the latents; None for a recording that could not be used.
        errors: name and reason of each recording that could not be used.
        notes: name and oddity of recordings that were used all the same.
        moments: for mean and standard deviation.
        tar: name of the tar, with a place for the number.
    """

    number: int
    source: str
    settings: str
    input: str
    bytes: tuple[int, int]
    places: list[Place | None]
    errors: list[tuple[str, str]]
    moments: Moments
    notes: list[tuple[str, str]] = field(default_factory=list)
    tar: str = TAR

    @property
    def samples(self) -> int:
        return sum(place.samples for place in self.places if place)

    @property
    def recordings(self) -> int:
        return sum(place is not None for place in self.places)

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises: DataError: it is missing or damaged."""
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            places = [None if place is None else Place(*place) for place in values["places"]]
            errors, notes = ([(name, why) for name, why in values[key]] for key in ("errors", "notes"))
            first, second = values["bytes"]
            moments = Moments(**values["moments"])
            return cls(**{**values, "places": places, "errors": errors, "notes": notes, "moments": moments,
                          "bytes": (first, second)})  # fmt: skip
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: is missing or damaged ({error})") from error


def complete(folder: Path, number: int) -> ShardRecord | None:
    """The record of a shard if all of it is there, with the sizes that the record says."""
    path = folder / RECORD.format(number)
    if not path.exists():
        return None
    try:
        record = ShardRecord.load(path)
        sizes = tuple(os.stat(folder / name.format(number)).st_size for name in (record.tar, CUTS))
    except (DataError, OSError):
        return None
    return record if sizes == record.bytes else None
