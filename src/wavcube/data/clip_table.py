"""Tables of millions of clips, in little memory."""

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip


class ClipTable(Sequence[Clip]):
    """Clips in files, with their paths and times only; read once built.

    Paths are held as one run of bytes and numbers as arrays: a million clips take about 100 MB instead of a gigabyte,
    forked workers share them (there are no reference counts to write to), and spawned ones get them quickly.
    """

    def __init__(self) -> None:
        self._paths = bytearray()
        self._ends = array("q", [0])
        self._start = array("d")
        self._seconds = array("d")
        self._channel = array("b")

    def add(self, clip: Clip) -> None:
        self._paths += str(clip.path).encode("utf-8", "surrogateescape")
        self._ends.append(len(self._paths))
        self._start.append(np.nan if clip.start is None else clip.start)
        self._seconds.append(np.nan if clip.seconds is None else clip.seconds)
        self._channel.append(-1 if clip.channel is None else clip.channel)

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: int) -> Clip:  # type: ignore[override]  # slices are not needed
        index = range(len(self))[index]
        path = self._paths[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogateescape")
        start, seconds, channel = self._start[index], self._seconds[index], self._channel[index]
        # Two cuts of one recording need two names.
        name = f"{path}@{start:g}s" if start > 0 else path
        return Clip(
            name,
            Path(path),
            None if np.isnan(start) else start,
            None if np.isnan(seconds) else seconds,
            None if channel < 0 else channel,
        )

    def only(self, keep: np.ndarray) -> "ClipTable":
        """Return the clips for which `keep` `[N]` is true."""
        table = ClipTable()
        for index in np.flatnonzero(keep):
            table.add(self[int(index)])
        return table

    @property
    def seconds(self) -> np.ndarray:
        """Durations `[N]` float64, NaN where unknown."""
        return np.array(self._seconds, np.float64)
