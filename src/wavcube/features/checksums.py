"""Checksums of audio files, so that frames are found by content."""

import json
from pathlib import Path

from wavcube.errors import AudioError
from wavcube.files import atomic_path
from wavcube.hashing import digest_file


class Checksums:
    """Checksums of audio files, remembered by path, size and time of change."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.changed = False
        try:
            self.known: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}  # only costs reading the files again

    def of(self, path: Path) -> str:
        try:
            status = path.stat()
            remembered = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
            if remembered not in self.known:
                self.known[remembered] = digest_file(path)
                self.changed = True
        except OSError as error:
            raise AudioError(f"{path}: cannot be read ({error.strerror})") from error
        return self.known[remembered]

    def save(self) -> None:
        if self.changed:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self.file) as path:
                path.write_text(json.dumps(self.known), encoding="utf-8")
            self.changed = False
