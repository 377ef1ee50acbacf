"""FLAC (RFC 9639): how many samples its header counts, whether its last frame is there, and streams in a row."""

from wavcube.audio.containers.segments import Contents, CutShort, Segment, Source
from wavcube.audio.containers.tags import end_before_tags

_STREAM = b"fLaC\x00\x00\x00\x22"  # the marker, and the head of the STREAMINFO block that has to follow
_BLOCK = 1 << 20
_STEREO = (1, 8, 9, 10)  # as they are, or one of them as the difference of both: changes from frame to frame
_WINDOW = 1 << 15  # more than most frames have bytes


def inspect(source: Source, start: int) -> Contents:
    """One segment for each stream in the file, without the tags behind the last.

    Only some places of the file are read unless they show that more streams than one may be there.

    Raises:
        CutShort: the last frame ends before the sound does.
    """
    end = end_before_tags(source, start)
    contents = Contents([])
    last = _end_of_last_frame(source, start, end)
    starts = [start]
    if last is None or last != _frames(source, start):
        starts += _further_streams(source, start + 4, end)
    for begin, stop in zip(starts, [*starts[1:], end], strict=True):
        frames = _frames(source, begin)
        if not frames:
            contents.notes.append("its header does not say how long it is; what is there is read")
        contents.segments.append(Segment((range(begin, stop),), frames or None))
    counted = _frames(source, starts[-1])
    if last is not None and last < counted:
        raise CutShort(f"its header promises {counted} samples, its last frame ends with sample {last}")
    return contents


def _frames(source: Source, start: int) -> int:
    """Samples a channel by the header of a stream; 0 where it leaves them open."""
    return source.number(start + 21, 5, "big") & 0xF_FFFF_FFFF


def _end_of_last_frame(source: Source, start: int, end: int) -> int | None:
    """The sample behind the last frame; None where frames in several places are not in order, or not found."""
    at = start + 4
    while at < end and not source.number(at, 1) & 0x80:
        at += 4 + source.number(at + 1, 3, "big")
    if at >= end:
        return None
    at += 4 + source.number(at + 1, 3, "big")
    smallest, largest = source.number(start + 8, 2, "big"), source.number(start + 10, 2, "big")
    first = source.read(at, 16)
    if _position(first, first, largest) is None:
        return None
    found: tuple[int, int] | None = None
    for quarter in (1, 2, 3, 4):
        stop = at + (end - at) * quarter // 4
        window = source.read(max(at, stop - _WINDOW), min(_WINDOW, stop - at))
        place = window.rfind(first[:2])
        here = None
        while place >= 0 and here is None:
            here = _position(window[place : place + 16], first, largest if smallest == largest else 0)
            place = window.rfind(first[:2], 0, place + 1)
        if here is None or (found and here[0] < found[0]):
            return None
        found = here
    return sum(found) if found else None


def _position(head: bytes, first: bytes, block: int) -> tuple[int, int] | None:
    """The first sample of a frame and its number of samples; None if this is no header like that of the first frame.

    Args:
        head: 16 bytes, or fewer at the end.
        first: of the first frame: rate, channels and bits are the same in all.
        block: samples of all frames but the last, if these are equal.
    """
    if len(head) < 6 or head[:2] != first[:2] or head[2] & 15 != first[2] & 15 or head[3] & 15 != first[3] & 15:
        return None
    channels, usual = (1 if byte >> 4 in _STEREO else byte >> 4 for byte in (head[3], first[3]))
    if channels != usual:
        return None
    extra = 0
    while head[4] << extra & 0x80:
        extra += 1
    more = max(0, extra - 1)  # bytes of the number behind its first, as in UTF-8
    number = head[4] & (0x7F >> extra)
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    at = 5 + more
    code = head[2] >> 4
    sizes = {1: 192, **{c: 576 << c - 2 for c in range(2, 6)}, **{c: 256 << c - 8 for c in range(8, 16)}}
    width = {6: 1, 7: 2}.get(code, 0)
    samples = int.from_bytes(head[at : at + width], "big") + 1 if width else sizes.get(code, 0)
    at += width + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not samples or at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    by_sample = head[1] & 1
    if not by_sample and not block:
        return None
    return (number if by_sample else number * block), samples


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x107 if crc & 0x80 else 0)) & 0xFF
    return crc


def _further_streams(source: Source, start: int, end: int) -> list[int]:
    """Where further streams begin. Sound itself cannot look like one, but for one case in 2 to the power of 100."""
    found = []
    for block in range(start, end, _BLOCK):
        data = source.read(block, min(_BLOCK + 41, end - block))
        at = data.find(_STREAM)
        while 0 <= at < _BLOCK:
            if _is_stream_header(data[at + 8 : at + 42]):
                found.append(block + at)
            at = data.find(_STREAM, at + 1)
    return found


def _is_stream_header(info: bytes) -> bool:
    """Whether a STREAMINFO block is possible: sizes of blocks in order, and a sample rate."""
    smallest, largest = int.from_bytes(info[:2], "big"), int.from_bytes(info[2:4], "big")
    rate = int.from_bytes(info[10:13], "big") >> 4
    return len(info) == 34 and 16 <= smallest <= largest and 0 < rate <= 655_350
