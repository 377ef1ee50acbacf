"""What users give: recordings of bounded length and size, which are deleted when their page is closed."""

import io
import os
from pathlib import Path

from wavcube.audio.io import audio_info, load_audio
from wavcube.errors import AudioError
from wavcube.evaluation.metric import Recording
from wavcube.framing import SAMPLE_RATE

LONGEST_S = 60.0
LARGEST_MB = 30
"""A minute of stereo at 48 kHz in 32 bits has 23 MB."""


class _File(io.BytesIO):
    """The content of a file under its own name: errors do not show where the server keeps it."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def read_upload(path: str | os.PathLike[str] | None, what: str = "recording") -> Recording:
    """Mono at 16 kHz, of at most a minute.

    Args:
        path: None where nothing was chosen.
        what: is asked for, if nothing was chosen.

    Raises:
        AudioError: nothing was chosen; or it is too long, too large, silent, or no recording.
    """
    if path is None:
        raise AudioError(f"no {what} yet: upload one, record one, or take the example")
    name = Path(path).name
    try:
        size = os.stat(path).st_size
        if size > LARGEST_MB * 1_000_000:
            raise AudioError(f"{name}: has {size / 1e6:.0f} MB; this page takes up to {LARGEST_MB} MB")
        content = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{name}: is no longer on the server; upload it again") from error
    _check_length(name, audio_info(_File(content, name)).seconds)
    recording = Recording(load_audio(_File(content, name), SAMPLE_RATE), SAMPLE_RATE, name)
    _check_length(name, recording.seconds)
    if recording.is_silent:
        raise AudioError(f"{name}: is silent")
    return recording


def _check_length(name: str, seconds: float) -> None:
    if seconds > LONGEST_S:
        raise AudioError(
            f"{name}: lasts {seconds:.0f} s; this page takes up to {LONGEST_S:.0f} s, the command line any length"
        )


class Uploads:
    """Which page holds which uploaded files. Equal files of two pages are one, which goes with the last of them."""

    def __init__(self) -> None:
        self._held: dict[str, set[Path]] = {}

    def hold(self, page: str, *paths: str) -> None:
        """Note files of a page."""
        self._held.setdefault(page, set()).update(map(Path, paths))

    def delete(self, page: str) -> None:
        """Delete the files of a page that was closed, but for those that another page holds."""
        own = self._held.pop(page, set())
        for path in own.difference(*self._held.values()):
            path.unlink(missing_ok=True)
