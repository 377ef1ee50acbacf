"""Creative Voice files: blocks of sound, each with a head that libsndfile would take for samples but in the first."""

from wavcube.audio.containers.segments import Contents, CutShort, Segment, Source

_MARK = b"Creative Voice File\x1a"
_HEADS = {1: 2, 9: 12}  # blocks that begin a sound, and the bytes of rate and codec before their samples
_SLACK = 16  # bytes at the end that may be sound, if they are no blocks
_LARGEST = 0xFF_FFFF - 12  # bytes of sound, as sizes have 24 bits


def inspect(source: Source) -> Contents | None:
    """One segment for each sound with all blocks that continue it; None for other formats.

    Raises:
        CutShort: a block ends behind the file.
    """
    if source.read(0, 20) != _MARK:
        return None
    contents = Contents([])
    at = source.number(20, 2)
    extended = head = b""
    sounds: list[range] = []

    def finish() -> None:
        size = sum(map(len, sounds))
        if not head or not size:
            return
        block = head[:1] + (size + len(head) - 1).to_bytes(3, "little") + head[1:]
        contents.segments.append(Segment((source.read(0, 26), extended, block, *sounds, b"\0")))

    start = at
    while at < source.size and (kind := source.number(at, 1)):
        size = source.number(at + 1, 3)
        body, at = at + 4, at + 4 + size
        if at > source.size:
            raise CutShort(f"its header promises {size} bytes of sound, {source.size - body} are there")
        if kind in _HEADS:
            finish()
            skipped = _HEADS[kind]
            extended = source.read(start, body - 4 - start) if kind == 1 and source.number(start, 1) == 8 else b""
            head, sounds = bytes([kind]) + source.read(body, skipped), [range(body + skipped, at)]
        elif kind == 2:
            if sum(map(len, sounds)) + size > _LARGEST:
                finish()
                sounds = []
            sounds.append(range(body, at))
        elif kind == 3:
            contents.notes.append("a block of silence in it is left out")
        start = body - 4 if kind == 8 else at
        if sounds and source.size - at <= _SLACK and not _are_blocks(source, at):
            # sox counts the head of a block too short.
            sounds[-1] = range(sounds[-1].start, source.size - 1)
            break
    finish()
    return contents if contents.segments else None


def _are_blocks(source: Source, at: int) -> bool:
    """Whether whole blocks follow up to the end of the file."""
    while at < source.size:
        kind = source.number(at, 1)
        if kind == 0 or kind > 9:
            return kind == 0 and at == source.size - 1
        at += 4 + source.number(at + 1, 3)
    return at == source.size
