"""A sound file, opened: its samples block by block, to the end that its container has, or an error."""

import io
import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile

from wavcube.audio import containers
from wavcube.audio.containers import CutShort, Damaged, Segment, SegmentFile, Source
from wavcube.errors import AudioError, AudioWarning
from wavcube.files import readable, reason

BLOCK = 1 << 20  # values read at once: bounds the memory whatever a header claims

_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number for a FLAC stream whose header leaves the length open


@dataclass(frozen=True)
class Recording:
    """A sound file whose container has been looked at.

    Attributes:
        name: what to call it in an error.
        segments: the stretches of sound to decode one behind the other.
    """

    name: str
    segments: list[Segment]
    _source: Source
    _path: Path | None

    def count(self, segment: Segment, file: soundfile.SoundFile) -> int:
        """Samples a channel of a segment: what its container says, or libsndfile where that is exact."""
        if segment.frames is not None:
            return segment.frames
        if file.frames == _UNKNOWN_FRAMES:
            return sum(len(block) for block in self.blocks(segment, file))
        return int(file.frames)

    @contextmanager
    def opened(self, segment: Segment) -> Iterator[soundfile.SoundFile]:
        """Decode a segment; every failure, also later while it is read, becomes an `AudioError`."""
        is_all = segment.parts == (range(self._source.size),) and not segment.tail
        try:
            as_it_is = os.fsencode(self._path) if is_all and self._path else None
            # Buffered, as libmpg123 reads a few bytes at a time.
            file = _SequentialFile(as_it_is or io.BufferedReader(SegmentFile(self._source, segment), 1 << 16))
        except (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError) as error:
            # TypeError: soundfile takes the suffix .raw for headerless samples and asks for their rate.
            raise AudioError(
                f"{self.name}: is not a recording that can be read, or is damaged; {self.advice}"
            ) from error
        with file:
            # By suffixes like .vox or .gsm libsndfile guesses at headerless files: any file would pass for audio.
            if file.format == "RAW":
                raise AudioError(f"{self.name}: has no audio header; {self.advice}")
            if "truncated file" in file.extra_info:
                raise self.cut_short("it ends early")
            known = None if file.frames == _UNKNOWN_FRAMES else file.frames
            exact = known if segment.frames is None or segment.tail else segment.frames
            for least in (segment.promised, exact):
                if least is not None and known is not None and known < least:
                    raise self.cut_short(f"its header promises {least} samples, {known} are there")
            try:
                yield file
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise AudioError(
                    f"{self.name}: is damaged or cut short ({_reason(error)}); get a complete copy"
                ) from error

    def blocks(self, segment: Segment, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
        """The samples [n, channels] of a segment, block by block; refuse one that ends early."""
        size = max(1, BLOCK // file.channels)
        wanted = segment.frames
        if wanted is None and file.frames != _UNKNOWN_FRAMES:
            wanted = int(file.frames)
        total = 0
        while wanted is None or total < wanted:
            asked = size if wanted is None else min(size, wanted - total)
            block = file.read(asked, dtype="float32", always_2d=True)
            total += len(block)
            if len(block):
                yield block
            if len(block) < asked:
                break
        if wanted is not None and total < wanted:
            raise self.cut_short(f"its header promises {wanted} samples, {total} are there")

    def cut_short(self, how: str) -> AudioError:
        """The error of a file that is not complete."""
        return AudioError(
            f"{self.name}: was cut short: {how}; get a complete copy, or to keep what is there {self.advice}"
        )

    @property
    def advice(self) -> str:
        return f"convert it first, for example with `ffmpeg -i {shlex.quote(Path(self.name).name)} speech.wav`"


@contextmanager
def open_recording(given: Any) -> Iterator[Recording]:
    """Look at a path, bytes, or a file object open for reading bytes (from where it stands).

    What is odd about it, though readable, becomes one `AudioWarning`.

    Raises:
        AudioError: there is no such file, it is empty or cut short.
    """
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        name = readable(path)
        _check_path(path, name)
        try:
            with path.open("rb") as file:
                yield _recording(name, file, path)
        except OSError as error:
            raise AudioError(f"{name}: cannot be read ({reason(error)})") from error
    elif isinstance(given, bytes | bytearray | memoryview):
        yield _recording(f"the {type(given).__name__} given", io.BytesIO(given), None)
    elif hasattr(given, "read"):
        called: Any = getattr(given, "name", None)
        is_path = isinstance(called, str | bytes | os.PathLike)
        name = readable(called) if is_path else f"the {type(given).__name__} given"
        yield _recording(name, _binary(given, name), None)
    else:
        raise AudioError(
            f"a {type(given).__name__} is no recording; give a path, the bytes of a file, or a file opened with 'rb'"
        )


def _recording(name: str, file: BinaryIO, path: Path | None) -> Recording:
    source = Source(file)
    recording = Recording(name, [], source, path)
    if source.size == 0:
        raise AudioError(f"{name}: is empty (0 bytes)")
    try:
        contents = containers.inspect(source)
        if contents is None:
            recording.segments.append(Segment((range(source.size),)))
            with recording.opened(recording.segments[0]) as decoder:
                # libmpg123 looks for a first frame behind anything.
                contents = containers.inspect_mpeg(source) if decoder.format == "MP3" else None
        if contents is None:
            return recording
    except CutShort as error:
        raise recording.cut_short(str(error)) from error
    except Damaged as error:
        raise AudioError(f"{name}: is damaged: {error}; get a complete copy") from error
    if contents.notes:
        # Its own text for each file, so that Python's filters show it once for each.
        warnings.warn(f"{name}: {'; '.join(dict.fromkeys(contents.notes))}", AudioWarning, stacklevel=6)
    recording.segments[:] = contents.segments
    return recording


def _check_path(path: Path, name: str) -> None:
    if not path.exists():
        what = "is a link to a file that is not there" if path.is_symlink() else "no such file"
        raise AudioError(f"{name}: {what}")
    if path.is_dir():
        is_open = os.access(path, os.R_OK | os.X_OK)
        raise AudioError(f"{name}: is a folder" + (", not a recording" if is_open else " that cannot be read"))
    if not path.is_file():
        raise AudioError(f"{name}: is not a regular file; save the audio to a file first")


def _binary(given: Any, name: str) -> BinaryIO:
    """A file object that can be read in any order; what cannot be rewound is read into memory."""
    try:
        seekable = getattr(given, "seekable", lambda: hasattr(given, "seek") and hasattr(given, "tell"))()
        start = given.read(0)
        if isinstance(start, str):
            raise AudioError(f"{name}: is open for reading text; open it with 'rb'")
        return given if seekable else io.BytesIO(given.read())
    except (OSError, ValueError) as error:
        if isinstance(error, AudioError):
            raise
        raise AudioError(f"{name}: cannot be read ({error})") from error


class _SequentialFile(soundfile.SoundFile):
    """A sound file that is only read from its start to its end.

    Without this soundfile seeks after each block, which fails in FLAC streams of unknown length and is inexact in MP3.
    """

    def seekable(self) -> bool:
        return False


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")
