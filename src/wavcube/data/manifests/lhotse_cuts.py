"""Lhotse manifests of cuts or recordings, compressed or not, read once into a table."""

import os
from typing import Any

from wavcube.data.config import SourceConfig
from wavcube.data.manifests.clip_table import Clip, ClipTable
from wavcube.errors import DataError, MissingDependencyError


def import_lhotse() -> None:
    """Import lhotse, which takes seconds and is needed for its own formats only."""
    try:
        import lhotse  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            'Lhotse data needs lhotse; install it with pip install "wavcube[train]"'
        ) from error


def read_lhotse(source: SourceConfig) -> ClipTable:
    """Read a manifest of cuts or recordings whose audio lies in files.

    Raises:
        DataError: the manifest cannot be read, holds something else, or is empty.
    """
    import_lhotse()
    from lhotse.serialization import load_manifest_lazy_or_eager

    if source.where:
        raise DataError(f"{source.path}: `where` chooses rows of TSV and CSV tables; filter the manifest with Lhotse")
    if not os.path.isfile(source.path):
        raise DataError(f"{source.path}: no such file")
    root = source.root or os.path.dirname(source.path)
    table = ClipTable()
    try:
        for item in load_manifest_lazy_or_eager(source.path):
            clip = clip_of_lhotse(item, root)
            assert isinstance(clip.audio, str)  # audio in memory cannot be written to a manifest
            table.add(clip.audio, clip.start, clip.seconds, clip.channel)
    except Exception as error:  # whatever Lhotse stumbles over, it is the manifest that is wrong
        raise DataError(f"{source.path}: cannot be used as a Lhotse manifest ({error})") from error
    if not table:
        raise DataError(f"{source.path}: the manifest is empty")
    return table


def clip_of_lhotse(item: Any, root: str) -> Clip:
    """Return the clip of a Lhotse recording, or of a cut of one recording.

    Raises:
        ValueError: it is something else, such as a mix or a cut of features without audio.
    """
    recording = getattr(item, "recording", item)
    sources = getattr(recording, "sources", None)
    if not sources:
        raise ValueError(f"{item.id} is a {type(item).__name__} without audio; cuts of one recording are needed")
    kind, audio = sources[0].type, sources[0].source
    if kind not in {"file", "memory"}:
        raise ValueError(f"{item.id} has a source of the type {kind!r}; write the manifest as Lhotse Shar")
    channel = getattr(item, "channel", None)
    return Clip(
        os.path.join(root, audio) if kind == "file" else audio,
        item.id,
        float(getattr(item, "start", 0.0)),
        float(item.duration),
        channel if isinstance(channel, int) else None,
    )
