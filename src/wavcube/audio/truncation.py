"""Whether a sound file was cut short: libsndfile reads what is there of it and reports no error."""

import re
from pathlib import Path

import soundfile


def what_is_missing(path: Path, file: soundfile.SoundFile) -> str:
    """Say what an opened file lacks by its own header; "" if nothing does.

    MP3 and FLAC show it only on reading, as fewer samples than `file.frames`.
    """
    if file.format == "OGG":
        return "its last page is incomplete, or not marked as the last" if _ogg_is_cut(path) else ""
    return _missing_from_container(file.extra_info)


def _missing_from_container(log: str) -> str:
    """Say how much of the sound data is missing, by libsndfile's log of parsing the header ("" if nothing is).

    libsndfile reads what is there of a truncated WAV, AIFF, AU, W64, RF64 or VOC file and only notes the difference.
    """
    for line in re.finditer(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", log, re.M):
        promised, there = int(line[1]), int(line[2])
        # A program that writes to a pipe cannot know the size, and puts about the largest number that fits.
        unknown = min(abs(promised - 2**31), abs(promised - 2**32)) <= 2**16
        if promised > there and not unknown:
            return f"its header promises {promised} bytes of sound, {there} are there"
    return "it ends early" if "truncated file" in log else ""


def _ogg_is_cut(path: Path) -> bool:
    """Whether the last Ogg page is incomplete or lacks the end-of-stream flag (RFC 3533, section 6)."""
    with path.open("rb") as raw:
        raw.seek(max(0, path.stat().st_size - 65_307))  # the largest page
        tail = raw.read()
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) < start + 27:
        return True
    segments = tail[start + 27 : start + 27 + tail[start + 26]]
    whole = len(tail) >= start + 27 + tail[start + 26] + sum(segments)
    return not whole or not tail[start + 5] & 4
