"""The stored result of a task: one JSON file with everything that a repetition needs."""

import dataclasses
import datetime
import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wavcube import __version__
from wavcube.configuration.aliases import PROBE_RESULT, with_new_names
from wavcube.errors import DataError
from wavcube.files import atomic_path

RESULT = "result.json"


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass
class Result:
    """One representation on one task.

    Attributes:
        task: name of the task.
        representation: what tables call it.
        model: the specification that built it.
        fingerprint: of the frames.
        dim, layers, frame_rate: of the frames.
        metrics: on the test split, by name.
        dev: the same on dev, where they chose.
        learning_rates: rate -> dev figure, of all that were tried; several folds give the mean.
        recipe: all settings.
        seed: of the training.
        data: name of the data (its folder).
        official: whether it was read in the official layout; a manifest is one's own data.
        items: examples of each split.
        seconds: of speech in each split.
        details: whatever else a task reports.
    """

    task: str
    representation: str
    model: str
    fingerprint: str
    dim: int
    layers: int
    frame_rate: float
    metrics: dict[str, Estimate]
    dev: dict[str, float]
    learning_rates: dict[str, float]
    recipe: dict[str, Any]
    seed: int
    data: str
    official: bool
    items: dict[str, int]
    seconds: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)
    wavcube: str = __version__
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    machine: str = field(default_factory=lambda: f"{platform.machine()}, {os.cpu_count()} cores")

    def save(self, folder: Path) -> Path:
        """Write result.json, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / RESULT
        with atomic_path(file) as path:
            path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        return file

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a result.json.

        Raises:
            DataError: it is none.
        """
        try:
            values = with_new_names(json.loads(file.read_text(encoding="utf-8")), PROBE_RESULT, str(file), warn=False)
            values["metrics"] = {name: Estimate(**estimate) for name, estimate in values["metrics"].items()}
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}: is no result of `wavcube superb` ({error})") from error
