"""Small corpora of tones."""

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tests.data.tones import RATE, tone


@pytest.fixture
def write_tones(tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a function that writes `count` FLAC files of `seconds` to a folder."""

    def write(count: int, seconds: float = 0.6, folder: str = "clips", suffix: str = ".flac") -> list[Path]:
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = [tmp_path / folder / f"clip{number:04d}{suffix}" for number in range(count)]
        for number, path in enumerate(paths):
            soundfile.write(path, tone(number, seconds), RATE)
        return paths

    return write
