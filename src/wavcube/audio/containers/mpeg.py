"""MPEG audio (layers I to III): every frame is counted, since no header states their number reliably.

A stream is a row of frames, each with a header of four bytes (ISO 11172-3, 2.4.1.3; 13818-3 for the lower rates).
Streams may follow each other in one file. An information frame (Xing, Info, VBRI) may come first; it is no sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from wavcube.audio.containers.segments import Contents, CutShort, Damaged, Segment
from wavcube.audio.containers.tags import length_of_tag

_KBPS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by version (2 stands for 2.5 too) and layer."""


@dataclass(frozen=True)
class _Frame:
    """What the header of a frame says; `size` in bytes, 0 in a free format."""

    kind: tuple[int, int, int, int]  # version (25 for 2.5), layer, sample rate, channels
    size: int
    padding: int

    @property
    def samples(self) -> int:
        version, layer = self.kind[:2]
        return 384 if layer == 1 else 576 if layer == 3 and version != 1 else 1_152

    @property
    def information(self) -> int:
        """Where a Xing or Info header begins in a frame of layer III: behind the side information."""
        version, _, _, channels = self.kind
        return 4 + ((32 if channels == 2 else 17) if version == 1 else (17 if channels == 2 else 9))


@dataclass
class _Stream:
    """Frames of one kind in a row: where they begin and end, how many, the largest and the last."""

    kind: tuple[int, int, int, int]
    samples: int
    start: int
    end: int
    count: int = 0
    largest: int = 0
    last: int = 0
    announced: int | None = None  # frames, by its information frame
    announced_bytes: int | None = None
    information: bytes = b""  # the information frame
    notes: list[str] = field(default_factory=list)


def inspect(data: bytes, start: int = 0) -> Contents | None:
    """The streams in `data`, each counted frame by frame; None where there is no frame.

    Raises:
        CutShort: the last frame is incomplete, or an information frame counts more frames than there are.
        Damaged: there are bytes between the frames that belong to nothing.
    """
    streams = [stream for stream in _streams(data, start) if stream.count]
    if not streams:
        return None
    return Contents([_segment(data, stream) for stream in streams], [note for s in streams for note in s.notes])


def looks_like_mpeg(head: bytes) -> bool:
    return _parse(head[:4]) is not None


def _streams(data: bytes, start: int) -> Iterator[_Stream]:
    stream: _Stream | None = None
    free = 0
    at = _next_frame(data, start)
    while at is not None:
        frame = _parse(data[at : at + 4])
        if frame is None:
            if stream:
                yield stream
                stream = None
            at = _behind_gap(data, at)
            continue
        size = frame.size
        if size == 0:  # free format: all frames are as long as the first, but for the padding
            free = free or _free_size(data, at, frame)
            size = free + frame.padding
            if not free:
                return
        if at + size > len(data):
            there = len(data) - at
            raise CutShort(f"its last frame has {there} of {size} bytes")
        information = _information(data[at : at + size], frame)
        if stream is None or frame.kind != stream.kind or information:
            if stream:
                yield stream
            stream = _Stream(frame.kind, frame.samples, at, at)
        if information:
            stream.announced, stream.announced_bytes = information
            stream.information = data[at : at + size]
            stream.start = stream.end = at + size
        else:
            stream.count += 1
            stream.largest, stream.last = max(stream.largest, size), at
            stream.end = at + size
        at += size
        if at >= len(data):
            break
    if stream:
        yield stream


def _segment(data: bytes, stream: _Stream) -> Segment:
    """What libsndfile gets of a stream: with its information frame if that holds, else the bare frames.

    Bare frames are followed by copies of the last one that are never read, as libmpg123 guesses how many there are by
    the size of the file and the first frame, and stops there.
    """
    announced, size = stream.announced, stream.end - stream.start + len(stream.information)
    if announced is not None and announced > stream.count:
        if stream.announced_bytes is None or stream.announced_bytes > size:
            raise CutShort(f"its header counts {announced} frames, {stream.count} are there")
    elif announced is not None and 0 < announced < stream.count:
        stream.notes.append(f"its header counts {announced} frames, {stream.count} are there; all are read")
    sound = range(stream.start, stream.end)
    if announced == stream.count and b"VBRI" not in stream.information:
        return Segment((range(stream.start - len(stream.information), stream.end),))
    claimed = 2 * (stream.count + 2) * stream.largest
    frames = stream.count * stream.samples
    return Segment((sound,), frames, tail=data[stream.last : stream.end], size=claimed)


def _parse(head: bytes) -> _Frame | None:
    """The header of a frame, or None if these bytes are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version = (25, 0, 2, 1)[head[1] >> 3 & 3]
    layer = 4 - (head[1] >> 1 & 3)
    rate_index, kbps_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 0 or layer == 4 or rate_index == 3 or kbps_index == 15 or head[3] & 3 == 2:
        return None
    rate = (44_100, 48_000, 32_000)[rate_index] // {1: 1, 2: 2, 25: 4}[version]
    padding = head[2] >> 1 & 1
    channels = 1 if head[3] >> 6 == 3 else 2
    kind = (version, layer, rate, channels)
    bits = 1_000 * _KBPS[min(version, 2), layer][kbps_index]
    slot = 4 if layer == 1 else 1
    if bits == 0:
        return _Frame(kind, 0, padding * slot)
    factor = 12 if layer == 1 else 72 if layer == 3 and version != 1 else 144
    return _Frame(kind, (factor * bits // rate + padding) * slot, padding * slot)


def _information(frame: bytes, header: _Frame) -> tuple[int | None, int | None] | None:
    """The numbers of frames and of bytes that an information frame has (None where it leaves one open)."""
    if header.kind[1] != 3:
        return None
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return int.from_bytes(frame[50:54], "big"), int.from_bytes(frame[46:50], "big")
    body = frame[header.information :]
    if body[:4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(body[4:8], "big")
    count = int.from_bytes(body[8:12], "big") if flags & 1 else None
    after = 12 if flags & 1 else 8
    return count, int.from_bytes(body[after : after + 4], "big") if flags & 2 else None


def _free_size(data: bytes, at: int, frame: _Frame) -> int:
    """The size of frames in a free format, without padding: the distance to the next header of this kind."""
    following = data.find(data[at : at + 2], at + 24)
    while following >= 0 and following - at < 8_192:
        other = _parse(data[following : following + 4])
        if other and other.kind == frame.kind and other.size == 0:
            return following - at - frame.padding
        following = data.find(data[at : at + 2], following + 1)
    return 0


def _next_frame(data: bytes, start: int) -> int | None:
    """The first frame from `start` that another of its kind follows, or that ends the data."""
    at = data.find(b"\xff", start)
    while at >= 0:
        frame = _parse(data[at : at + 4])
        if frame:
            following = at + (frame.size or _free_size(data, at, frame) + frame.padding)
            other = _parse(data[following : following + 4])
            if following == len(data) or (other and other.kind[:3] == frame.kind[:3]):
                return at
            if following < len(data) and length_of_tag(data, following):
                return at
        at = data.find(b"\xff", at + 1)
    return None


def _behind_gap(data: bytes, at: int) -> int | None:
    """The next frame behind tags and zeros; None if none comes.

    Raises:
        Damaged: something else lies between the frames.
        CutShort: it is the beginning of a frame.
    """
    gap = at
    while at < len(data):
        tag = length_of_tag(data, at)
        if tag:
            at += tag
        elif data[at] == 0:
            at += 1
        else:
            break
    if at >= len(data) or _parse(data[at : at + 4]):
        return at if at < len(data) else None
    following = _next_frame(data, at)
    if following is None:
        if len(data) - at < 4 and data[at] == 0xFF:
            raise CutShort(f"its last frame has {len(data) - at} bytes")
        return None  # behind the last frame: no sound
    raise Damaged(f"{following - gap} bytes from byte {gap} on are no frame")
