"""The sources of a configuration, identified, opened, and checked before anything starts."""

import glob
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip
from wavcube.data.clip_table import ClipTable
from wavcube.data.config import DataConfig, SourceConfig
from wavcube.data.json_lines import JsonLines
from wavcube.data.lhotse_cuts import read_lhotse
from wavcube.data.manifest import choose, iterate_clips
from wavcube.data.streaming.crops import check_clip
from wavcube.data.streaming.hugging_face import TABLE_SUFFIXES, find_table_shards, holds_recordings
from wavcube.data.streaming.shar import find_shar_shards
from wavcube.data.streaming.shards import Shard, reason_of
from wavcube.data.streaming.webdataset import find_tar_shards, is_remote
from wavcube.errors import AudioError, ConfigError, DataError

logger = logging.getLogger(__name__)

SHARDED = frozenset({"shar", "webdataset", "huggingface"})
"""The kinds that can only be read in order."""


def kind_of(source: SourceConfig) -> str:
    """Return the kind of a source, inferred from its path if it is "auto".

    Raises:
        DataError: there is nothing at that path.
    """
    path = source.path
    if not path:
        raise ConfigError("data: a source has no path")
    if source.kind != "auto":
        return source.kind
    if is_remote(path) or "{" in path or path.endswith((".tar", ".tar.gz", ".tgz")):
        return "huggingface" if path.endswith(TABLE_SUFFIXES) and not path.startswith("pipe:") else "webdataset"
    if os.path.isdir(path):
        if any(Path(path).glob("cuts.*.jsonl*")):
            return "shar"
        return "huggingface" if holds_recordings(Path(path)) else "folder"
    if path.endswith(TABLE_SUFFIXES) and glob.has_magic(path):
        return "huggingface"
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file or folder")
    if path.endswith(".arrow") or (path.endswith(".parquet") and holds_recordings(Path(path))):
        return "huggingface"
    if path.endswith(".jsonl") or (path.endswith(".json") and not _is_one_list(path)):
        return "jsonl"
    return "lhotse" if path.endswith(".gz") else "list"


def open_clips(config: DataConfig) -> list[Sequence[Clip]]:
    """Open the sources that give random access, and try some recordings of each.

    Clips whose duration is known, and outside of the limits, are left out.

    Raises:
        DataError: a source is missing, empty or malformed, or most of its recordings cannot be used.
    """
    tables: list[Sequence[Clip]] = []
    for source in config.sources:
        clips: Sequence[Clip]
        if kind_of(source) == "jsonl":
            clips = JsonLines(Path(source.path), source.root, source.column, source.where)
        else:
            clips = _within_limits(read_table(source), source, config)
        _try_some(clips, source, config.check_files)
        logger.info("%s: %d clips%s", source.path, len(clips), _hours(clips))
        tables.append(clips)
    return tables


def read_table(source: SourceConfig) -> ClipTable:
    """The clips of a folder, a list or a Lhotse manifest; no recording is opened.

    Raises:
        DataError: it cannot be read, is empty or malformed, or lists a recording twice.
    """
    path, table = Path(source.path), ClipTable()
    if kind_of(source) == "lhotse":
        clips = read_lhotse(path, Path(source.root) if source.root else path.parent)
        found = iter([clip for _, clip in choose(clips, source.where, path)])
    else:
        found = iterate_clips(path, source.where, root=source.root, column=source.column)
    for clip in found:
        table.add(clip)
    return table


def open_shards(config: DataConfig) -> list[list[Shard]]:
    """List the shards of every source, and read the first clip of each source's first shard.

    Raises:
        DataError: a source or shard is missing, or the first one holds nothing that can be used.
    """
    found: list[list[Shard]] = []
    for source in config.sources:
        shards = find_source_shards(source)
        try:
            clip = next(iter(shards[0].read()), None)
            if clip is None:
                raise DataError("it is empty")
            check_clip(clip)
        except Exception as error:  # tar, gzip, network, JSON
            raise DataError(
                f"{shards[0].name}: no recording can be read from this shard ({reason_of(error)})"
            ) from error
        logger.info("%s: %d shards", source.path, len(shards))
        found.append(list(shards))
    return found


def find_source_shards(source: SourceConfig) -> Sequence[Shard]:
    """The shards of a source that can only be read in order.

    Raises:
        DataError: there are none, or one is missing.
    """
    kind = kind_of(source)
    if kind == "shar":
        return find_shar_shards(source)
    return find_table_shards(source) if kind == "huggingface" else find_tar_shards(source)


def _is_one_list(path: str) -> bool:
    """Whether a .json file holds one list, not an object on each line."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return file.read(100).lstrip()[:1] == "["


def _within_limits(table: ClipTable, source: SourceConfig, config: DataConfig) -> ClipTable:
    longest = np.inf if config.max_seconds is None else config.max_seconds
    outside = (table.seconds < config.min_seconds) | (table.seconds > longest)
    if not outside.any():
        return table
    if outside.all():
        raise DataError(
            f"{source.path}: none of its {len(table)} clips is {config.min_seconds:g} to {longest:g} s long, as "
            "min_seconds and max_seconds want"
        )
    logger.info("%s: %d clips left out by min_seconds and max_seconds", source.path, int(outside.sum()))
    return table.only(~outside)


def _hours(clips: Sequence[Clip]) -> str:
    if not isinstance(clips, ClipTable) or np.isnan(clips.seconds).any():
        return ""
    return f", {clips.seconds.sum() / 3600:.1f} h"


def _try_some(clips: Sequence[Clip], source: SourceConfig, count: int) -> None:
    tried = np.unique(np.linspace(0, len(clips) - 1, count).astype(np.int64))
    reasons = []
    for index in tried:
        try:
            check_clip(clips[int(index)])
        except (AudioError, DataError) as error:
            reasons.append(str(error))
    if 2 * len(reasons) > tried.size:
        hint = "" if source.root else "; if paths in the list are relative to another folder, name it as `root`"
        raise DataError(
            f"{source.path}: {len(reasons)} of {tried.size} recordings that were tried cannot be used, the first: "
            f"{reasons[0]}{hint}"
        )
