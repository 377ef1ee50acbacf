"""LibriSpeech's folders and transcripts, for phoneme and speech recognition."""

import re
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.corpus import Example, some
from wavcube.understanding.sources import (
    LIBRISPEECH,
    is_manifest,
    manifest_example,
    read_manifest,
    wanted_folder,
    wanted_lines,
)

FOLDERS = {"train": "train-clean-100", "dev": "dev-clean", "test": "test-clean"}


def spelling(text: str) -> str:
    """Words in capitals, with apostrophes but without any other sign, as LibriSpeech writes them."""
    return " ".join(re.sub(r"[^\w']|_", " ", text.replace("\u2019", "'").upper()).split())


def read_transcribed(data: Path) -> dict[str, list[Example]]:
    """Examples with their words as target, from LibriSpeech or a manifest with a column `transcript`.

    Raises:
        DataError: folders, files or transcripts that are missing.
    """
    if is_manifest(data):
        rows = read_manifest(data, ["transcript"])
        return {
            split: [manifest_example(data, row, spelling(row["transcript"])) for row in listed]
            for split, listed in rows.items()
        }
    return {split: _folder(wanted_folder(data / name, LIBRISPEECH)) for split, name in FOLDERS.items()}


def _folder(folder: Path) -> list[Example]:
    words: dict[str, str] = {}
    for table in sorted(folder.rglob("*.trans.txt")):
        for line in wanted_lines(table, LIBRISPEECH):
            name, _, text = line.partition(" ")
            words[name] = spelling(text)
    recordings = sorted(path for path in folder.rglob("*") if path.suffix in {".flac", ".wav"})
    if not recordings:
        raise LIBRISPEECH.missing(folder / "SPEAKER/CHAPTER/*.flac")
    without = [path.name for path in recordings if path.stem not in words]
    if without:
        raise DataError(f"{folder}: {len(without)} recordings have no transcript in a .trans.txt: {some(without)}")
    return [
        Example(Clip(f"{folder.name}/{path.stem}", path), words[path.stem], path.stem.split("-")[0])
        for path in recordings
    ]
