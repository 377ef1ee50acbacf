"""Lhotse manifests of cuts or recordings, compressed or not, and Lhotse's objects -> clips."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wavcube.data.clip import Clip
from wavcube.errors import DataError, MissingDependencyError


def import_lhotse() -> None:
    """Import lhotse, which takes seconds and is needed for its own formats only."""
    try:
        import lhotse  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            'Lhotse data needs lhotse; install it with pip install "wavcube[train]"'
        ) from error


def read_lhotse(path: Path, root: Path) -> Iterator[Clip]:
    """The clips of a manifest of cuts or recordings whose audio lies in files, below `root` where paths are relative.

    Raises:
        DataError: the manifest cannot be read, or holds something else.
    """
    import_lhotse()
    from lhotse.serialization import load_manifest_lazy_or_eager

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        for item in load_manifest_lazy_or_eager(path):
            yield clip_of_lhotse(item, os.fspath(root))
    except Exception as error:  # whatever Lhotse stumbles over, it is the manifest that is wrong
        raise DataError(f"{path}: cannot be used as a Lhotse manifest ({error})") from error


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
    spoken = next(iter(getattr(item, "supervisions", ())), None)
    about = {name: getattr(spoken, name, None) for name in ("speaker", "gender", "language")}
    about |= getattr(spoken, "custom", None) or {}
    columns = {name: str(value) for name, value in about.items() if isinstance(value, str | int | float)}
    return Clip(
        item.id,
        Path(root, audio) if kind == "file" else Path(item.id),
        float(item.start) if recording is not item else None,
        float(item.duration),
        channel if isinstance(channel, int) else None,
        getattr(spoken, "text", None) or None,
        columns.get("language") or "en",
        columns,
        audio if kind == "memory" else None,
    )
