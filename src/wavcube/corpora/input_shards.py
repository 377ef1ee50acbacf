"""Inputs of any kind as shards: the pieces of work that a corpus is done in, the same for every process."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from wavcube.audio.io import AUDIO_SUFFIXES, is_audio
from wavcube.data.clip import Clip
from wavcube.data.config import SourceConfig
from wavcube.data.json_lines import JsonLines
from wavcube.data.manifest import Where, iterate_clips
from wavcube.data.streaming.shar import SharShard
from wavcube.data.streaming.shards import Shard, reason_of
from wavcube.data.streaming.sources import SHARDED, find_source_shards, kind_of
from wavcube.data.streaming.webdataset import TarShard, is_remote
from wavcube.errors import AudioError, ConfigError, DataError
from wavcube.files import find_files
from wavcube.hashing import digest

MOST_HOURS = 10.0
"""A slice of a list is closed at so many hours of speech, where the list has durations, or at its number of clips."""

_LISTS = frozenset({".tsv", ".csv", ".jsonl", ".json", ".parquet", ".gz", ".txt", ".list", ".lst"})
_NO_RECORDING = _LISTS | {".tar", ".tgz", ".arrow"}


@dataclass(frozen=True)
class InputShard:
    """A piece of work, small enough to be sent to another machine.

    Attributes:
        number: its place among all shards.
        name: what it is, for people.
        clips: of a slice of a list or folder.
        stream: of a file that is read from its start to its end; then `clips` is empty.
    """

    number: int
    name: str
    clips: tuple[Clip, ...] = ()
    stream: Shard | None = None

    def read(self) -> Iterator[Clip]:
        """The clips, in order.

        Raises:
            DataError: a stream cannot be read to its end.
        """
        if self.stream is None:
            yield from self.clips
            return
        try:
            for clip in self.stream.read():
                # In a tar the key alone is the name: the number of the tar is no part of it.
                is_tar = isinstance(self.stream, TarShard)
                yield replace(clip, name=clip.name.split("/", 1)[-1]) if is_tar else clip
        except Exception as error:  # tar, gzip, network, JSON, Parquet: whatever breaks, this shard is not whole
            raise DataError(f"{self.name}: cannot be read to its end ({reason_of(error)})") from error

    @property
    def cuts(self) -> Path | None:
        """The cuts of a shard of Lhotse Shar, beside which the latents are to lie."""
        return Path(self.stream.cuts) if isinstance(self.stream, SharShard) else None

    @property
    def recordings(self) -> int:
        """How many there are; 0 for a stream."""
        return len(self.clips)

    def digest(self) -> str:
        """Of what the shard consists of: rows of the list, size and time of change of every file that is local.

        Where files lie is no part of it, so that a corpus may be mounted elsewhere.
        """
        if self.stream is None:
            facts: list[Any] = [
                (clip.name, clip.start, clip.seconds, clip.channel, clip.transcript, clip.language, dict(clip.columns))
                for clip in self.clips
            ]
            paths = dict.fromkeys(clip.path for clip in self.clips)
        else:
            names = [self.stream.cuts, self.stream.recording] if isinstance(self.stream, SharShard) else [self.name]
            facts = [name if is_remote(name) else os.path.basename(name) for name in names]
            paths = dict.fromkeys(Path(name) for name in names if not is_remote(name))
        return digest(repr(facts) + repr([_state(path) for path in paths]))


def input_shards(inputs: Sequence[str], where: Where | None = None, size: int = 1000) -> Iterator[InputShard]:
    """The shards of everything that a user names, one after another, without holding them all.

    Files, folders and globs of recordings, lists (tables, JSON lines, NeMo's), Lhotse's cuts and Shar, WebDataset tars
    and data sets of Hugging Face; docs/corpora.md has the whole table. Recordings that are named one by one, and those
    of folders and globs, are one list.

    Args:
        inputs: paths, globs, URLs, `pipe:` commands.
        where: which rows of lists to keep.
        size: clips of a slice of a list.

    Raises:
        DataError, AudioError: an input is missing, empty or malformed.
    """
    if size < 1:
        raise ConfigError(f"a shard of {size} recordings is none; give 1 or more")
    numbers = count()
    recordings: list[str] = []
    for given in inputs:
        kind = input_kind(given)
        if kind == "recordings":
            recordings.append(given)
        elif kind in SHARDED:
            if where:
                raise DataError(f"{given}: --filter chooses rows of lists, and this is no list")
            for shard in find_source_shards(SourceConfig(given, kind)):
                yield InputShard(next(numbers), shard.name, stream=shard)
        else:
            clips = JsonLines(Path(given), where=where) if kind == "jsonl" else iterate_clips(Path(given), where)
            yield from _slices(iter(clips), os.path.basename(given), numbers, size)
    if recordings:
        found = find_files(recordings, AUDIO_SUFFIXES, "audio", AudioError, is_audio)
        names = [file.relative for file in found]
        if len(recordings) > 1:  # below whatever holds all of them: two folders may have files of one name
            above = os.path.commonpath([os.path.abspath(file.path.parent) for file in found])
            names = [Path(os.path.relpath(file.path, above)) for file in found]
        clips = (Clip(name.with_suffix("").as_posix(), file.path) for name, file in zip(names, found, strict=True))
        yield from _slices(clips, "recordings", numbers, size)


def input_kind(given: str) -> str:
    """What an input is: "recordings" (a file, folder or glob of them), or a kind of `SourceConfig`.

    Raises:
        DataError: there is nothing at that path.
    """
    kind = _kind(given)
    return "recordings" if kind == "folder" else kind


def _kind(given: str) -> str:
    path = Path(given)
    suffix = path.suffix.lower()
    if path.is_file() and suffix not in _NO_RECORDING:
        return "recordings"
    if path.exists() and not path.is_dir() and suffix in AUDIO_SUFFIXES:  # a pipe: only its name says what it is
        return "recordings"
    try:
        return kind_of(SourceConfig(given))
    except DataError:
        if any(mark in given for mark in "*?["):
            return "webdataset" if given.endswith((".tar", ".tar.gz", ".tgz")) else "recordings"
        raise


def _slices(clips: Iterator[Clip], source: str, numbers: "count[int]", size: int) -> Iterator[InputShard]:
    piece: list[Clip] = []
    first, seconds = 0, 0.0
    for clip in clips:
        piece.append(clip)
        seconds += clip.seconds or 0.0
        if len(piece) >= size or seconds >= 3600 * MOST_HOURS:
            yield InputShard(next(numbers), f"{source}[{first}:{first + len(piece)}]", tuple(piece))
            first, piece, seconds = first + len(piece), [], 0.0
    if piece:
        yield InputShard(next(numbers), f"{source}[{first}:{first + len(piece)}]", tuple(piece))


def _state(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
