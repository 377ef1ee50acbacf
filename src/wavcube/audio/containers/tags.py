"""Tags of players around the sound: ID3 (versions 1 and 2), APE and Lyrics3."""

from wavcube.audio.containers.segments import Source


def length_of_tag(data: bytes, at: int) -> int:
    """The length of the tag that begins at a byte of `data`; 0 if none does."""
    head = data[at : at + 32]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:3] == b"TAG" and len(data) - at >= 128 and (len(data) - at == 128 or data[at + 128 : at + 131] != b"TAG"):
        return 128
    if head[:4] == b"TAG+":
        return 227
    if head[:8] == b"APETAGEX" and len(head) == 32:
        # The size leaves the header out, but for a footer alone it counts what came before it.
        is_header = int.from_bytes(head[20:24], "little") >> 29 & 1
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    if head[:11] == b"LYRICSBEGIN":
        end = data.find(b"LYRICS200", at)
        return end + 9 - at if end >= 0 else 0
    return 0


def start_behind_tags(source: Source) -> int:
    """Where the sound begins: behind any ID3v2 tags in front."""
    at = 0
    while source.read(at, 3) == b"ID3":
        length = length_of_tag(source.read(at, 32), 0)
        if not length:
            break
        at += length
    return at


def end_before_tags(source: Source, start: int) -> int:
    """Where the sound ends: before ID3v1, APE and Lyrics3 tags at the end."""
    end = source.size
    while True:
        before = end
        if end - start > 128 and source.read(end - 128, 3) == b"TAG":
            end -= 128
        footer = source.read(end - 32, 32) if end - start > 32 else b""
        if footer[:8] == b"APETAGEX":
            flags = int.from_bytes(footer[20:24], "little")
            end -= int.from_bytes(footer[12:16], "little") + (32 if flags >> 31 else 0)
        if source.read(end - 9, 9) == b"LYRICS200" and source.read(end - 15, 6).isdigit():
            end -= 15 + int(source.read(end - 15, 6))
        if end >= before or end <= start:
            return max(end, start) if end < before else before
