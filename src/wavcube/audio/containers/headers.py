"""Formats with a header in front of bare samples: how many samples it promises.

libsndfile reads what is there of these and takes it for all there is.
"""

import re
from collections.abc import Callable

from wavcube.audio.containers.segments import Contents, CutShort, Segment, Source


def inspect(source: Source) -> Contents | None:
    """What the header promises; None for other formats.

    Raises:
        CutShort: the file is shorter than its own sizes say.
    """
    head = source.read(0, 20)
    for mark, count in _BY_MARK.items():
        if head.startswith(mark):
            return Contents([Segment((range(source.size),), promised=count(source))])
    if head.startswith(_WITHOUT_LENGTH):
        note = "its format does not keep how long it is, so nothing can show whether it is whole"
        return Contents([Segment((range(source.size),))], [note])
    return None


def _nist(source: Source) -> int | None:
    match = re.search(rb"^sample_count -i (\d+)", source.read(0, 16_384), re.M)
    return int(match[1]) if match else None


def _sds(source: Source) -> int:
    """Words of sound, in packets of 127 bytes that hold 120 bytes of 7 bits."""
    low, middle, high = source.read(10, 3)
    words = low | middle << 7 | high << 14
    bits = source.number(6, 1)
    packets = -(-words // (120 // (2 if bits <= 14 else 3 if bits <= 21 else 4)))
    there = (source.size - 21) // 127
    if there < packets:
        raise CutShort(f"its header promises {packets} packets of sound, {there} are there")
    return words


def _mat4(source: Source) -> int:
    """Columns of the second matrix, behind that of the sample rate; each is one sample of every channel."""
    order = "big" if source.read(0, 4) == _MAT4_BIG else "little"
    second = 28 + source.number(16, 4, order)  # behind a head of 20 bytes, the name and one double
    return source.number(second + 8, 4, order)


def _mat5(source: Source) -> None:
    """Check the last matrix: flags, dimensions, name and values, each with its size before it."""
    order = "little" if source.read(126, 2) == b"IM" else "big"
    at = 144 + source.number(132, 4, order)
    for _ in range(3):
        size = source.number(at + 4, 4, order)
        short = source.number(at, 4, order) >> 16  # then size and content share the eight bytes
        at += 8 if short else 8 + size + -size % 8
    size, there = source.number(at + 4, 4, order), source.size - at - 8
    if size > there:
        raise CutShort(f"its header promises {size} bytes of sound, {there} are there")


_MAT4_BIG, _MAT4_LITTLE = b"\x00\x00\x03\xe8", b"\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"

_BY_MARK: dict[bytes, Callable[[Source], int | None]] = {
    b"NIST_1A": _nist,
    b"2BIT": lambda source: source.number(26, 4, "big"),  # AVR
    b"\x01\x04": lambda source: source.number(30, 4),  # MPC2K
    b"ALawSoundFile**": lambda source: source.number(18, 4, "big"),  # WVE
    b"\xf0\x7e": _sds,
    _MAT4_BIG: _mat4,
    _MAT4_LITTLE: _mat4,
    b"MATLAB 5.0": _mat5,
}

_WITHOUT_LENGTH = (
    b" paf", b"fap ", b"PVF1\n", b"\x64\xa3", b"\x00\x01\xa3\x64", b"\x00\x02\xa3\x64", b"\x00\x03\xa3\x64",
    b"\x00\x04\xa3\x64",
)  # fmt: skip
"""How PAF, PVF and IRCAM files begin."""
