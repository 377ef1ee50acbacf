"""Containers of chunks (RIFF, RF64, W64, AIFF, CAF, SVX, AU): the amount of sound, independent of their headers."""

from collections.abc import Iterator
from dataclasses import dataclass

from wavcube.audio.containers.segments import Contents, CutShort, Segment, Source

_SLACK = 64
"""Bytes of sound that may be missing at the end: some programs count their headers too, or round up."""

_UNKNOWN = (2**31, 2**32, 0x7F000000, 2**63, 2**64)
"""Sizes about which programs write that cannot go back to the header, as they write to a pipe."""

_TRAILERS = (
    b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"smpl", b"PEAK", b"iXML", b"axml", b"afsp", b"_PMX", b"JUNK", b"inst",
    b"DISP", b"fact", b"PAD ", b"COMM", b"MARK", b"INST", b"NAME", b"AUTH", b"ANNO", b"(c) ", b"APPL", b"FVER",
    b"CHAN", b"pakt", b"info", b"free", b"kuki", b"chan", b"mark", b"strg",
)  # fmt: skip
"""Chunks that follow the sound in real files."""

_TAIL = 1 << 20  # bytes at the end of a file in which such chunks are looked for


@dataclass(frozen=True)
class Layout:
    """How chunks are written: `head` bytes of name and size, the size from byte `name` on, each aligned."""

    name: int = 4
    head: int = 8
    order: str = "little"
    align: int = 2
    counts_head: bool = False  # the size includes that of name and size


@dataclass(frozen=True)
class Chunk:
    """A chunk: where its content begins, the size in its header, and the range of that size in the file."""

    name: bytes
    start: int
    size: int
    field: range


RIFF = Layout()
RIFX = FORM = Layout(order="big")
CAF = Layout(head=12, order="big", align=1)
W64 = Layout(name=16, head=24, align=8, counts_head=True)


def walk(source: Source, layout: Layout, at: int) -> Iterator[Chunk]:
    """The chunks from byte `at` on; the last may be longer than the file."""
    while at + layout.head <= source.size:
        head = source.read(at, layout.head)
        size = int.from_bytes(head[layout.name :], "big" if layout.order == "big" else "little")
        if layout.counts_head:
            size = max(0, size - layout.head)
        yield Chunk(head[: layout.name], at + layout.head, size, range(at + layout.name, at + layout.head))
        at += layout.head + size
        at += -at % layout.align


@dataclass(frozen=True)
class Extent:
    """Where the sound of a chunk is, where further chunks begin, and what is odd ("" if nothing is)."""

    sound: range
    trailer: int
    note: str = ""


def extent(source: Source, layout: Layout, chunk: Chunk, declared: int, container_end: int) -> Extent:
    """How far the sound of a chunk goes: as its header says, or else as far as the file.

    Args:
        source: the file.
        layout: of its chunks.
        chunk: the one with the sound.
        declared: its size, as the header has it.
        container_end: where the container ends by its own header.

    Raises:
        CutShort: the file ends before the sound does.
    """
    there = source.size - chunk.start
    unknown = declared > there and any(abs(declared - mark) <= 2**16 for mark in _UNKNOWN)
    end = chunk.start + min(declared, there)
    if unknown:
        return _to_the_end(source, layout, chunk, "its header does not say how long it is")
    if declared > there:
        counted_header = declared in (source.size, source.size - 8)
        if container_end != source.size and not counted_header and declared - there > _SLACK:
            raise CutShort(f"its header promises {declared} bytes of sound, {there} are there")
        note = f"its header promises {declared} bytes of sound, {there} are there; they are read"
        return Extent(range(chunk.start, end), source.size, note)
    for trailer in dict.fromkeys((end + -end % layout.align, end)):
        if _is_trailer(source, layout, trailer):
            return Extent(range(chunk.start, end), trailer)
    return _to_the_end(source, layout, chunk, f"its header counts {declared} bytes of sound, more are there")


def _to_the_end(source: Source, layout: Layout, chunk: Chunk, what: str) -> Extent:
    begin = max(chunk.start, source.size - _TAIL)
    tail = source.read(begin, source.size - begin)
    places = sorted(begin + place for name in _TRAILERS for place in _places(tail, name))
    end = next((place for place in places if _is_trailer(source, layout, place)), source.size)
    return Extent(range(chunk.start, end), end, f"{what}; all {end - chunk.start} bytes are read")


def _places(data: bytes, name: bytes) -> Iterator[int]:
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 1)


def _is_trailer(source: Source, layout: Layout, at: int) -> bool:
    """Whether what comes from byte `at` on is no sound: whole chunks, a tag, zeros, another file, or nothing."""
    begin = at
    for chunk in walk(source, layout, at):
        head = source.read(at, 4)
        if head in (b"RIFF", b"FORM") or head[:3] in (b"TAG", b"ID3"):
            return True
        # The name of a W64 chunk has 16 bytes, the first four of them letters.
        is_name = all(32 <= byte < 127 for byte in chunk.name[:4]) and chunk.name[:4] != b"    "
        if not is_name or chunk.start + chunk.size > source.size:
            return _is_zero(source, at)
        at = chunk.start + chunk.size
        at += -at % layout.align
    return at >= source.size or at > begin or _is_zero(source, at)


def _is_zero(source: Source, at: int) -> bool:
    """Whether only zeros follow, fewer than a block of a disk; more may be silence."""
    return source.size - at < 4_096 and not any(source.read(at, 4_096))


def patched(source: Source, until: int, numbers: dict[range, tuple[int, str]]) -> bytes:
    """The file up to byte `until`, with other numbers in some places."""
    head = bytearray(source.read(0, until))
    for place, (number, order) in numbers.items():
        largest = (1 << 8 * len(place)) - 1
        head[place.start : place.stop] = min(number, largest).to_bytes(
            len(place), "big" if order == "big" else "little"
        )
    return bytes(head)


def au(source: Source) -> Contents:
    """AU: a header with the size of the sound, which may be left open.

    Raises:
        CutShort: see `extent`.
    """
    order = "big" if source.read(0, 4) == b".snd" else "little"
    start, declared = source.number(4, 4, order), source.number(8, 4, order)
    chunk = Chunk(b"", start, declared, range(8, 12))
    found = extent(source, Layout(align=1), chunk, declared, 0)
    if not found.note:
        return Contents([Segment((range(source.size),))])
    head = patched(source, start, {chunk.field: (len(found.sound), order)})
    return Contents([Segment((head, found.sound))], [found.note])
