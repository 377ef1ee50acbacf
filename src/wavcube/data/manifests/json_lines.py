"""Manifests of JSON lines (Libriheavy's, or uncompressed Lhotse ones), of any length, in constant memory."""

import json
import os
from collections.abc import Sequence
from typing import Any

from wavcube.data.config import SourceConfig
from wavcube.data.manifests.clip_table import Clip
from wavcube.data.manifests.line_index import LineIndex
from wavcube.errors import DataError


class JsonLines(Sequence[Clip]):
    """The clips of a manifest, each parsed when it is asked for.

    A line is a cut, with `recording.sources[0].source`, `start` and `duration` (and `channel`, if it has one), or a
    recording by itself, with `sources` and `duration`.
    """

    def __init__(self, source: SourceConfig) -> None:
        if source.where:
            raise DataError(
                f"{source.path}: `where` chooses rows of TSV and CSV tables; filter a manifest when preparing it"
            )
        self._lines = LineIndex(source.path)
        self._root = source.root or os.path.dirname(source.path)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Clip:  # type: ignore[override]  # slices are not needed
        line = self._lines[index]
        try:
            return clip_of(json.loads(line), self._root)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self._lines.path}, line {index + 1}: is no cut or recording with `sources` and `duration` "
                f"({type(error).__name__}: {error})"
            ) from error


def clip_of(entry: dict[str, Any], root: str) -> Clip:
    """Read one parsed line; KeyError, TypeError and the like tell what it lacks."""
    recording = entry.get("recording", entry)
    source = recording["sources"][0]
    if source.get("type", "file") != "file":
        raise ValueError(f"its source is of the type {source['type']!r}; only files can be read")
    channel = entry.get("channel")
    return Clip(
        os.path.join(root, source["source"]),
        entry["id"],
        float(entry.get("start", 0.0)),
        float(entry["duration"]),
        channel if isinstance(channel, int) else None,
    )
