"""The structure of sound files: the segments to decode, their true lengths, and oddities of their headers.

libsndfile decodes. For some formats it only estimates how much there is to decode, and it does not report missing data.
"""

from wavcube.audio.containers import chunks, flac, headers, iff, mpeg, ogg, riff, voc
from wavcube.audio.containers.segments import Contents, CutShort, Damaged, Segment, SegmentFile, Source
from wavcube.audio.containers.tags import start_behind_tags

__all__ = [
    "Contents",
    "CutShort",
    "Damaged",
    "Segment",
    "SegmentFile",
    "Source",
    "begins_like_sound",
    "inspect",
    "inspect_mpeg",
]


def inspect(source: Source) -> Contents | None:
    """What a file holds; None where its format is unknown here.

    Raises:
        CutShort: it is not complete.
        Damaged: something in its middle is broken or missing.
    """
    start = start_behind_tags(source)
    head = source.read(start, 16)
    if head.startswith(b"fLaC"):
        return flac.inspect(source, start)
    if head.startswith(b"OggS"):
        found = ogg.inspect(source.read(0, source.size), start)
        return found if found.segments else None
    if head.startswith((b".snd", b"dns.")):
        return chunks.au(source)
    if mpeg.looks_like_mpeg(head) or (start and not head.startswith((b"RIFF", b"FORM"))):
        return inspect_mpeg(source, start)
    return riff.inspect(source, start) or iff.inspect(source) or voc.inspect(source) or headers.inspect(source)


def inspect_mpeg(source: Source, start: int = 0) -> Contents | None:
    """What a file of MPEG audio holds, whatever comes before its first frame; None where there is no frame.

    Raises:
        CutShort, Damaged: as of `inspect`.
    """
    return mpeg.inspect(source.read(0, source.size), start)


def begins_like_sound(head: bytes) -> bool:
    """Whether a file that begins with these 16 bytes is a sound file, whatever its name."""
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        return head[8:12] in (b"WAVE", b"AIFF", b"AIFC", b"8SVX", b"16SV")
    return head.startswith((b"fLaC", b"OggS", b"caff", b".snd", b"NIST_1A", b"Creative Voice", b"riff.\x91\xcf\x11"))
