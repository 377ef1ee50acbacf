"""WebDataset: tar files with one recording (and whatever else) a key; local, by URL, or from a command."""

import glob
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavcube.audio.io import AUDIO_SUFFIXES
from wavcube.data.clip import Clip
from wavcube.data.config import SourceConfig
from wavcube.errors import DataError, MissingDependencyError

_NO_MEMBER = b""  # fails to decode, which makes a key without audio a bad recording like any other


@dataclass(frozen=True)
class TarShard:
    """One tar file; `name` is its path, URL or `pipe:` command."""

    name: str

    def read(self) -> Iterator[Clip]:
        """Yield a clip for every key; the audio is the member whose suffix is one of audio."""
        gopen, tar_file_expander, group_by_keys = _import_webdataset()
        stream = gopen(self.name)
        try:
            for sample in group_by_keys(tar_file_expander([{"url": self.name, "stream": stream}])):
                suffix = next((key for key in sample if "." + key.rsplit(".", 1)[-1] in AUDIO_SUFFIXES), None)
                name = f"{os.path.basename(self.name)}/{sample['__key__']}"
                yield Clip(name, Path(name), audio=sample[suffix] if suffix else _NO_MEMBER)
        finally:
            # A command that is stopped before its end reports a broken pipe; that is no news here.
            with suppress(Exception):
                stream.close()


def find_tar_shards(source: SourceConfig) -> list[TarShard]:
    """List the shards that a path with braces (`shard-{000..099}.tar`) or wildcards, a URL or a command names.

    Raises:
        DataError: a local shard does not exist, or nothing matches.
    """
    _import_webdataset()
    from braceexpand import braceexpand

    try:
        names = list(braceexpand(source.path))
    except ValueError as error:
        raise DataError(f"{source.path}: its braces do not match ({error})") from error
    shards = []
    for name in names:
        if not is_remote(name):
            found = sorted(glob.glob(name)) if glob.has_magic(name) else [name] if os.path.isfile(name) else []
            if not found:
                raise DataError(f"{name}: no such shard")
            shards += found
        else:
            shards.append(name)
    return [TarShard(name) for name in shards]


def is_remote(path: str) -> bool:
    """Whether a path is a URL or a `pipe:` command."""
    return path.startswith("pipe:") or "://" in path


def _import_webdataset() -> tuple[Callable[..., Any], ...]:
    try:
        from webdataset.gopen import gopen
        from webdataset.tariterators import group_by_keys, tar_file_expander
    except ImportError as error:
        raise MissingDependencyError(
            'tar shards need webdataset; install it with pip install "wavcube[train]"'
        ) from error
    return gopen, tar_file_expander, group_by_keys
