"""Where a stretch of speech lies, and tables of millions of such places."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording.

    Attributes:
        audio: path of the recording, or its encoded bytes (a member of a tar shard).
        name: how logs and batches call it.
        start: where the stretch begins in the recording, in seconds.
        seconds: how long it is; None for up to the recording's end.
        channel: the channel to take; None for the mean of all.
    """

    audio: str | bytes
    name: str
    start: float = 0.0
    seconds: float | None = None
    channel: int | None = None


class ClipTable(Sequence[Clip]):
    """Clips in files, read only once built.

    Paths are held as one run of bytes and numbers as arrays: a million clips take about 100 MB instead of a gigabyte,
    forked workers share them (there are no reference counts to write to), and spawned ones get them quickly.
    """

    def __init__(self) -> None:
        self._paths = bytearray()
        self._ends = array("q", [0])
        self._start = array("d")
        self._seconds = array("d")
        self._channel = array("b")

    def add(self, path: str, start: float = 0.0, seconds: float | None = None, channel: int | None = None) -> None:
        self._paths += path.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._paths))
        self._start.append(start)
        self._seconds.append(np.nan if seconds is None else seconds)
        self._channel.append(-1 if channel is None else channel)

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: int) -> Clip:  # type: ignore[override]  # slices are not needed
        index = range(len(self))[index]
        path = self._paths[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogateescape")
        start, seconds, channel = self._start[index], self._seconds[index], self._channel[index]
        # Two cuts of one recording need two names.
        name = f"{path}@{start:g}s" if start else path
        return Clip(path, name, start, None if np.isnan(seconds) else seconds, None if channel < 0 else channel)

    def only(self, keep: np.ndarray) -> "ClipTable":
        """Return the clips for which `keep` `[N]` is true."""
        table = ClipTable()
        for index in np.flatnonzero(keep):
            clip = self[int(index)]
            assert isinstance(clip.audio, str)
            table.add(clip.audio, clip.start, clip.seconds, clip.channel)
        return table

    @property
    def seconds(self) -> np.ndarray:
        """Durations `[N]` float64, NaN where unknown."""
        return np.array(self._seconds, np.float64)
