"""Base class of metrics, pairs of recordings, quantities, and the reasons for undefined values."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from wavcube.audio.io import as_mono, load_audio
from wavcube.errors import WavCubeError
from wavcube.hashing import digest

Result = TypeVar("Result")

SILENCE = 1e-4
"""Peak amplitude (-80 dB of full scale) below which a recording holds no signal: three steps of 16-bit audio."""

FAILED = "failed: "
"""How reasons begin that come from an error nobody foresaw: the next run tries these again."""


class Undefined(Exception):
    """A quantity has no value for this recording; the text is the reason."""


class MetricUnavailable(WavCubeError):
    """A metric cannot run here: its package or its weights are missing; the text explains how to get them."""


@dataclass(eq=False)
class Recording:
    """A mono waveform `[S]`, float32 in [-1, 1], with what has been computed from it so far.

    Attributes:
        waveform: `[S]`.
        sample_rate: in Hz.
        name: of the utterance.
        bits: size of the code that it was decoded from, if it was.
    """

    waveform: np.ndarray
    sample_rate: int
    name: str = ""
    bits: int | None = None
    _remembered: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate

    @property
    def is_silent(self) -> bool:
        return len(self.waveform) == 0 or float(np.abs(self.waveform).max()) < SILENCE

    def at(self, sample_rate: int) -> np.ndarray:
        """The waveform `[S']` at another rate, in Hz; resampled once."""
        if sample_rate == self.sample_rate:
            return self.waveform
        return self.remember(f"at {sample_rate}", lambda: as_mono(self.waveform, self.sample_rate, sample_rate))

    def remember(self, what: str, compute: Callable[[], Result]) -> Result:
        """`compute()`, done once for this recording: an original meets many systems, but has one pitch track."""
        if what not in self._remembered:
            self._remembered[what] = compute()
        return self._remembered[what]


@lru_cache(maxsize=256)
def recording_of(path: Path) -> Recording:
    """A file's recording at 16 kHz, with what has been computed from it; for what is compared with many others."""
    return Recording(load_audio(path, 16_000), 16_000, str(path))


@dataclass(eq=False)
class Pair:
    """What is measured (`reconstruction`), against what (`original`), and what was said, if known.

    For text to speech the original is the prompt: a metric that `compares_samples` has no meaning there.
    """

    original: Recording
    reconstruction: Recording
    transcript: str | None = None
    language: str = "en"


@dataclass(frozen=True)
class Quantity:
    """One column of results.

    Attributes:
        name: column name.
        title: for people.
        unit: "" if it has none.
        better: which direction is better; "zero" for signed differences.
        digits: decimals worth printing.
        ratio: names of two counts whose sums over the corpus are divided (times `scale`), for quantities of a whole
            corpus; other quantities are averaged over utterances.
        scale: factor of `ratio`.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower", "zero"]
    digits: int = 2
    ratio: tuple[str, str] | None = None
    scale: float = 1.0

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def arrow(self) -> str:
        """Where better is."""
        return {"higher": "↑", "lower": "↓", "zero": "→ 0"}[self.better]


@dataclass
class Measurement:
    """What one metric found on one pair.

    Attributes:
        values: quantity or count -> number.
        undefined: quantity -> why it has no value.
        notes: texts worth keeping, such as what the ASR model read.
    """

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


class Metric(ABC):
    """One way to measure a reconstruction.

    A metric is configured when it is made, loads what it needs on first use, and can be sent to another process before
    that.
    """

    name: ClassVar[str]
    """By which it is chosen on the command line."""
    quantities: ClassVar[tuple[Quantity, ...]]
    sample_rate: ClassVar[int]
    """Sampling rate of its input, in Hz."""
    citation: ClassVar[str]
    packages: ClassVar[dict[str, str]] = {}
    """Packages that it computes with (import name -> distribution name); their versions belong to the result."""
    compares_samples: ClassVar[bool] = True
    """Whether it compares the two waveforms sample by sample, so that they must be aligned."""
    on_device: ClassVar[bool] = False
    """Whether it runs a network in the main process (on its device), not a small computation in a worker process."""

    def settings(self) -> dict[str, Any]:
        """What changes the numbers, beside the versions of `packages`."""
        return {}

    def fingerprint(self) -> str:
        """Equal for two metrics only if they give equal numbers."""
        versions = {package: _version(package) for package in self.packages.values()}
        described = {"metric": self.name, "settings": self.settings(), "versions": versions}
        return digest(json.dumps(described, sort_keys=True))

    def note(self) -> str:
        """What a reader of the numbers must know beside their titles: which model scored, how it was counted."""
        return ""

    @abstractmethod
    def measure(self, pair: Pair) -> Measurement:
        """Measure one pair.

        Raises:
            Undefined: none of the quantities has a value.
        """

    def __call__(self, pair: Pair) -> Measurement:
        """`measure`, with every quantity either in `values` or in `undefined`."""
        try:
            measurement = self.measure(pair)
        except Undefined as reason:
            measurement = Measurement(undefined={q.name: str(reason) for q in self.quantities})
        for name, value in list(measurement.values.items()):
            if not np.isfinite(value):
                measurement.undefined[name] = f"came out as {value}"
                del measurement.values[name]
        return measurement


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def refuse_silence(pair: Pair) -> None:
    """Raise Undefined if there is no signal on either side."""
    if pair.original.is_silent:
        raise Undefined("the original is silent")
    if pair.reconstruction.is_silent:
        raise Undefined("the reconstruction is silent")
