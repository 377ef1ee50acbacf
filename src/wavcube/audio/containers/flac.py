"""FLAC: how many samples its header counts, where the sound ends before tags, and streams one behind the other."""

from wavcube.audio.containers.segments import Contents, Segment, Source
from wavcube.audio.containers.tags import end_before_tags

_STREAM = b"fLaC\x00\x00\x00\x22"  # the marker, and the head of the STREAMINFO block that has to follow
_BLOCK = 1 << 20


def inspect(source: Source, start: int) -> Contents:
    """One segment for each stream in the file, without the tags behind the last."""
    end = end_before_tags(source, start)
    contents = Contents([])
    starts = [start, *_further_streams(source, start + 4, end)]
    for begin, stop in zip(starts, [*starts[1:], end], strict=True):
        frames = source.number(begin + 21, 5, "big") & 0xF_FFFF_FFFF
        if not frames:
            contents.notes.append("its header does not say how long it is; what is there is read")
        contents.segments.append(Segment((range(begin, stop),), frames or None))
    return contents


def _further_streams(source: Source, start: int, end: int) -> list[int]:
    """Where further streams begin. Sound itself cannot look like one, but for one case in 2 to the power of 100."""
    found = []
    for block in range(start, end, _BLOCK):
        data = source.read(block, min(_BLOCK + 41, end - block))
        at = data.find(_STREAM)
        while 0 <= at < _BLOCK:
            if _is_stream_header(data[at + 8 : at + 42]) and block + at not in found:
                found.append(block + at)
            at = data.find(_STREAM, at + 1)
    return found


def _is_stream_header(info: bytes) -> bool:
    """Whether a STREAMINFO block is possible: sizes of blocks in order, and a sample rate."""
    smallest, largest = int.from_bytes(info[:2], "big"), int.from_bytes(info[2:4], "big")
    rate = int.from_bytes(info[10:13], "big") >> 4
    return len(info) == 34 and 16 <= smallest <= largest and 0 < rate <= 655_350
