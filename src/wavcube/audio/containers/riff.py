"""WAV in its four dresses: RIFF, RIFX, RF64 (BW64) and W64."""

from dataclasses import dataclass, replace

from wavcube.audio.containers import mpeg
from wavcube.audio.containers.chunks import RIFF, RIFX, W64, Chunk, Layout, extent, patched, walk
from wavcube.audio.containers.segments import Contents, Segment, Source

_PCM = frozenset({1, 3, 6, 7})  # integers, floats, A-law, mu-law: every sample has its bytes
_MPEG = frozenset({0x50, 0x55})


@dataclass(frozen=True)
class _Format:
    """The `fmt ` chunk: codec, bytes of a block over all channels, samples in it (0 where it does not say)."""

    codec: int
    block: int
    samples: int
    plain: bool  # one sample a channel in a block


def inspect(source: Source, start: int = 0) -> Contents | None:
    """The sound of a WAV file, and of others behind it; None if it is none, or too damaged to say.

    Raises:
        CutShort: the file ends before the sound does.
    """
    mark = source.read(start, 4)
    if mark == b"riff":
        layout, first, container_end = W64, start + 40, start + source.number(start + 16, 8)
    elif mark in (b"RIFF", b"RIFX", b"RF64", b"BW64") and source.read(start + 8, 4) == b"WAVE":
        layout = RIFX if mark == b"RIFX" else RIFF
        first, container_end = start + 12, start + 8 + source.number(start + 4, 4, layout.order)
    else:
        return None
    form: _Format | None = None
    fact = long_size = 0
    long_field: range | None = None
    for chunk in walk(source, layout, first):
        name = chunk.name[:4]
        if name == b"fmt ":
            form = _format(source.read(chunk.start, chunk.size), layout)
        elif name == b"fact":
            fact = source.number(chunk.start, 8 if layout is W64 else 4, layout.order)
        elif name == b"ds64":
            long_size, long_field = source.number(chunk.start + 8, 8), range(chunk.start + 8, chunk.start + 16)
            container_end = start + 8 + source.number(chunk.start, 8)
        elif name == b"data" and form:
            sized = chunk
            if long_field and chunk.size == 0xFFFFFFFF:
                sized = Chunk(chunk.name, chunk.start, long_size, long_field)
            return _sound(source, layout, start, sized, form, fact, container_end)
    return None


def _sound(
    source: Source, layout: Layout, start: int, chunk: Chunk, form: _Format, fact: int, container_end: int
) -> Contents:
    found = extent(source, layout, chunk, chunk.size, container_end)
    sounds, further = _behind(source, layout, found.sound, found.trailer)
    size = sum(map(len, sounds))
    if form.codec in _MPEG:
        contents = mpeg.inspect(b"".join(source.read(sound.start, len(sound)) for sound in sounds))
        if contents:
            base = sounds[0].start
            shifted = [_shifted(segment, base) for segment in contents.segments]
            return Contents(shifted, [*contents.notes, *([found.note] if found.note else [])])
    blocks = -(-size // form.block)
    frames = size // form.block if form.plain else None
    if not form.plain and form.samples and (blocks - 1) * form.samples < fact <= blocks * form.samples:
        frames = fact  # the last block is filled up
    if found.note or len(sounds) > 1 or start or further is not None:
        head = patched(source, chunk.start, _sizes(layout, start, chunk, size))[start:]
        segment = Segment((head, *sounds), frames)
    else:
        segment = Segment((range(source.size),), frames)
    contents = Contents([segment], [found.note] if found.note else [])
    following = inspect(source, further) if further is not None else None
    if following:
        contents.segments += following.segments
        contents.notes += following.notes
    return contents


def _sizes(layout: Layout, start: int, chunk: Chunk, size: int) -> dict[range, tuple[int, str]]:
    """The sizes to write into the header of a file that ends with its sound."""
    own = size + (layout.head if layout.counts_head else 0)
    sizes = {chunk.field: (own, layout.order)}
    total = chunk.start - start + size
    if layout is W64:
        sizes[range(start + 16, start + 24)] = (total, layout.order)
    elif len(chunk.field) == 8:  # ds64: the size of the whole comes before that of the sound
        sizes[range(chunk.field.start - 8, chunk.field.start)] = (total - 8, layout.order)
    else:
        sizes[range(start + 4, start + 8)] = (total - 8, layout.order)
    return sizes


def _behind(source: Source, layout: Layout, sound: range, trailer: int) -> tuple[list[range], int | None]:
    """The sound, further chunks of it behind the first, and where another file begins, if one does."""
    sounds = [sound]
    at = trailer
    for chunk in walk(source, layout, trailer):
        if source.read(at, 4) == b"RIFF" and source.read(at + 8, 4) == b"WAVE":
            return sounds, at
        if chunk.name[:4] == b"data" and chunk.size and chunk.start + chunk.size <= source.size:
            sounds.append(range(chunk.start, chunk.start + chunk.size))
        at = chunk.start + chunk.size
        at += -at % layout.align
    return sounds, None


def _shifted(segment: Segment, base: int) -> Segment:
    """A segment of what was cut out of a file from byte `base` on, as a segment of that file."""
    parts = tuple(
        part if isinstance(part, bytes) else range(part.start + base, part.stop + base) for part in segment.parts
    )
    return replace(segment, parts=parts)


def _format(content: bytes, layout: Layout) -> _Format | None:
    order = "big" if layout.order == "big" else "little"

    def number(at: int, size: int = 2) -> int:
        return int.from_bytes(content[at : at + size], order)  # type: ignore[arg-type]

    codec, channels, block, bits = number(0), number(2), number(12), number(14)
    if len(content) < 16 or not channels or not block:
        return None
    if codec == 0xFFFE and len(content) >= 26:
        codec = number(24)
    plain = codec in _PCM and block == channels * -(-bits // 8)
    return _Format(codec, block, number(18) if len(content) >= 20 and not plain else 0, plain)
