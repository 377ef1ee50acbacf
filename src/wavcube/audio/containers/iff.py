"""AIFF (AIFF-C), CAF and SVX: chunks whose names and sizes are written big-endian."""

from wavcube.audio.containers.chunks import CAF, FORM, Chunk, extent, patched, walk
from wavcube.audio.containers.segments import Contents, CutShort, Segment, Source

_BYTES = {b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1, b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8}
_BY_BITS = frozenset({b"NONE", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"23ni"})


def inspect(source: Source) -> Contents | None:
    """The sound of an AIFF, CAF or SVX file; None if it is none, or too damaged to say.

    Raises:
        CutShort: the file ends before the sound does.
    """
    mark, kind = source.read(0, 4), source.read(8, 4)
    if mark == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return _aiff(source, kind)
    if mark == b"FORM" and kind in (b"8SVX", b"16SV"):
        return _first(source, b"BODY", 0, range(4, 8))
    if mark == b"caff":
        return _first(source, b"data", 8, None)
    return None


def _first(source: Source, name: bytes, first: int, total: range | None) -> Contents | None:
    """The sound of the chunk `name`; `first` is where chunks begin, or 0 for those of a FORM."""
    layout = FORM if total else CAF
    container_end = 8 + source.number(4, 4, "big") if total else 0
    for chunk in walk(source, layout, first or 12):
        if chunk.name == name:
            found = extent(source, layout, chunk, chunk.size, container_end)
            if not found.note:
                return Contents([Segment((range(source.size),))])
            sizes = {chunk.field: (len(found.sound), "big")}
            if total:
                sizes[total] = (found.sound.stop - 8, "big")
            head = patched(source, chunk.start, sizes)
            return Contents([Segment((head, found.sound, range(found.trailer, source.size)))], [found.note])
    return None


def _aiff(source: Source, kind: bytes) -> Contents | None:
    container_end = 8 + source.number(4, 4, "big")
    sound: Chunk | None = None
    common: Chunk | None = None
    for chunk in walk(source, FORM, 12):
        if chunk.name == b"SSND" and sound is None:
            sound = chunk
        elif chunk.name == b"COMM":
            common = chunk
    if sound is None:
        return None
    found = extent(source, FORM, sound, sound.size, container_end)
    if common is None and found.note:  # behind the sound, where the wrong size has hidden it
        common = next((chunk for chunk in walk(source, FORM, found.trailer) if chunk.name == b"COMM"), None)
    if common is None:
        return None
    offset = 8 + source.number(sound.start, 4, "big")
    block = _block(source.read(common.start, common.size), kind)
    there = max(0, len(found.sound) - offset) // block if block else 0
    counted = source.number(common.start + 2, 4, "big")
    notes = [found.note] if found.note else []
    frames = None
    if block:
        frames = there
        if counted > there and not found.note:
            raise CutShort(f"its header promises {counted} samples, {there} are there")
        if counted == there - 1:
            frames = counted  # the last byte makes the size even
        elif counted < there and not found.note:
            notes.append(f"its header counts {counted} samples, {there} are there; all are read")
    if not notes:
        return Contents([Segment((range(source.size),), frames)])
    size = len(found.sound)
    place = range(common.start + 2, common.start + 6)
    sizes = {sound.field: (size, "big"), range(4, 8): (source.size - 8 + size % 2, "big")}
    if block and place.start < sound.start:
        sizes[place] = (there, "big")
    parts: list[bytes | range] = [patched(source, sound.start, sizes), found.sound]
    if size % 2:
        parts.append(b"\0")
    return Contents([Segment((*parts, range(found.trailer, source.size)), frames)], notes)


def _block(common: bytes, kind: bytes) -> int:
    """Bytes of one sample over all channels; 0 for codecs where that is no fixed number."""
    channels, bits = int.from_bytes(common[:2], "big"), int.from_bytes(common[6:8], "big")
    codec = common[18:22] if kind == b"AIFC" else b"NONE"
    return channels * (_BYTES.get(codec, 0) or (-(-bits // 8) if codec in _BY_BITS else 0))
