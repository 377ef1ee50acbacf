"""The contents of a container: segments of sound that libsndfile decodes one after the other, and oddities."""

import io
from dataclasses import dataclass, field
from typing import BinaryIO


class CutShort(Exception):
    """A container lacks what its own structure promises; the text says what, without the file's name."""


class Damaged(Exception):
    """A container is broken in its middle; the text says how, without the file's name."""


class Source:
    """Random access to the bytes of a recording, from wherever its beginning is in a seekable file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._origin = file.tell()
        self.size = file.seek(0, io.SEEK_END) - self._origin

    def read(self, start: int, count: int) -> bytes:
        """Bytes from `start`, at most `count`, fewer at the end."""
        if not 0 <= start < self.size or count <= 0:
            return b""
        self._file.seek(self._origin + start)
        return self._file.read(min(count, self.size - start))

    def number(self, start: int, count: int, order: str = "little") -> int:
        """An unsigned integer of `count` bytes; 0 beyond the end."""
        return int.from_bytes(self.read(start, count), "big" if order == "big" else "little")


@dataclass(frozen=True)
class Segment:
    """A stretch of sound that libsndfile can decode as if it were a file.

    Attributes:
        parts: what that file consists of: bytes, and ranges of the source.
        frames: samples a channel that have to come out, where libsndfile's own count is an estimate or too large.
        promised: samples a channel that have to come out at least, by the header.
        tail: repeated behind the parts up to `size`, where libsndfile would else take the file to be too short.
        size: of the file in bytes, the tail included; 0 without a tail.
    """

    parts: tuple[bytes | range, ...]
    frames: int | None = None
    promised: int | None = None
    tail: bytes = b""
    size: int = 0


@dataclass
class Contents:
    """The segments of a recording, and sentences about what is odd though readable."""

    segments: list[Segment]
    notes: list[str] = field(default_factory=list)


class SegmentFile(io.RawIOBase):
    """A segment as a file object to read from."""

    def __init__(self, source: Source, segment: Segment) -> None:
        super().__init__()
        self._source, self._segment = source, segment
        self._ends: list[int] = []
        for part in segment.parts:
            self._ends.append((self._ends[-1] if self._ends else 0) + len(part))
        self._filled = self._ends[-1] if self._ends else 0
        self._size = max(segment.size, self._filled)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer):
            piece = self._piece(len(buffer) - filled)
            if not piece:
                break
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def _piece(self, count: int) -> bytes:
        """The next bytes, as far as one part goes."""
        begin = 0
        for part, end in zip(self._segment.parts, self._ends, strict=True):
            if self._position < end:
                offset = self._position - begin
                if isinstance(part, bytes):
                    return part[offset : offset + count]
                return self._source.read(part[offset], min(count, len(part) - offset))
            begin = end
        tail = self._segment.tail
        if not tail or self._position >= self._size:
            return b""
        offset = (self._position - self._filled) % len(tail)
        return tail[offset : offset + min(count, self._size - self._position)]
