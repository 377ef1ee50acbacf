"""Ogg (RFC 3533): pages one by one, with their checksums, numbers and flags; chained streams one behind the other."""

import zlib
from dataclasses import dataclass
from itertools import pairwise

from wavcube.audio.containers.segments import Contents, CutShort, Damaged, Segment
from wavcube.audio.containers.tags import length_of_tag

_FLAC = b"\x7fFLAC"
_AUDIO = (b"\x01vorbis", b"OpusHead", _FLAC, b"Speex   ")
"""How the first packet of a stream of sound begins."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    start: int
    body: int
    end: int
    serial: int
    number: int
    flags: int
    granule: int
    open: bool  # its last packet goes on in the next page
    packet: bytes  # the beginning of its first packet

    begins = property(lambda page: bool(page.flags & 2))
    ends = property(lambda page: bool(page.flags & 4))


def inspect(data: bytes, start: int = 0) -> Contents:
    """One segment for each link of the chain; of several streams of sound side by side, the first.

    Raises:
        CutShort: the last page is incomplete, or its last packet goes on behind it.
        Damaged: pages are missing, or their checksums are wrong.
    """
    contents = Contents([])
    for link in _links(_pages(data, start)):
        serials = [page.serial for page in link if page.begins and page.packet.startswith(_AUDIO)]
        if not serials:
            continue
        pages = [page for page in link if page.serial == serials[0]]
        for before, page in pairwise(pages):
            if page.number != before.number + 1:
                raise Damaged(f"pages {before.number + 1} to {page.number - 1} of its stream are missing")
        if not pages[-1].ends:
            if pages[-1].open:
                raise CutShort("its last page is not marked as the last, and its last packet goes on behind it")
            contents.notes.append("its last page is not marked as the last; what is there is read")
        if pages[-1].granule != 0:  # else headers alone
            contents.segments.append(_segment(data, pages))
    return contents


def _segment(data: bytes, pages: list[_Page]) -> Segment:
    if pages[0].packet.startswith(_FLAC):
        # libsndfile does not read FLAC in Ogg: the bare stream, which is what the pages hold behind a short head.
        bodies = [range(page.body, page.end) for page in pages]
        stream = (range(pages[0].body + 9, pages[0].end), *bodies[1:])
        begin = pages[0].body + 9
        frames = int.from_bytes(data[begin + 21 : begin + 26], "big") & 0xF_FFFF_FFFF
        return Segment(stream, frames or None)
    if pages[-1].ends:
        return Segment(_ranges(pages))
    return Segment((*_ranges(pages[:-1]), _marked_as_last(data, pages[-1])))


def _pages(data: bytes, at: int) -> list[_Page]:
    pages = []
    while at < len(data):
        if data[at : at + 4] != b"OggS":
            following = data.find(b"OggS", at)
            if following >= 0 and length_of_tag(data, at) != following - at:
                raise Damaged(f"{following - at} bytes from byte {at} on are no page")
            if following < 0:
                if b"OggS".startswith(data[at:]):
                    raise CutShort("its last page is incomplete")
                break  # a tag or the like
            at = following
        header = data[at : at + 27]
        table = data[at + 27 : at + 27 + header[26]] if len(header) == 27 else b""
        body = at + 27 + len(table)
        end = body + sum(table)
        if len(header) < 27 or len(table) < header[26] or end > len(data):
            raise CutShort("its last page is incomplete")
        checksum = int.from_bytes(header[22:26], "little")
        if checksum != _checksum(header[:22] + bytes(4) + data[at + 26 : end]):
            raise Damaged(f"the checksum of the page at byte {at} is wrong")
        pages.append(
            _Page(
                start=at,
                body=body,
                end=end,
                serial=int.from_bytes(header[14:18], "little"),
                number=int.from_bytes(header[18:22], "little"),
                flags=header[5],
                granule=int.from_bytes(header[6:14], "little", signed=True),
                open=table[-1:] == b"\xff",
                packet=data[body : body + 8],
            )
        )
        at = end
    return pages


def _links(pages: list[_Page]) -> list[list[_Page]]:
    """The links of a chain: a new one begins where streams begin after others have gone on."""
    links: list[list[_Page]] = []
    for before, page in zip([None, *pages], pages, strict=False):
        if before is None or (page.begins and not before.begins):
            links.append([])
        links[-1].append(page)
    return links


def _ranges(pages: list[_Page]) -> tuple[range, ...]:
    """Where pages lie, neighbours joined."""
    ranges: list[range] = []
    for page in pages:
        if ranges and ranges[-1].stop == page.start:
            ranges[-1] = range(ranges[-1].start, page.end)
        else:
            ranges.append(range(page.start, page.end))
    return tuple(ranges)


def _marked_as_last(data: bytes, page: _Page) -> bytes:
    """A page with the flag of the last one, without which libsndfile takes Opus to be malformed."""
    marked = bytearray(data[page.start : page.end])
    marked[5] |= 4
    marked[22:26] = bytes(4)
    marked[22:26] = _checksum(bytes(marked)).to_bytes(4, "little")
    return bytes(marked)


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's with all bits in the other order, from zero and without a final inversion."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
