"""Recordings with their words, for phoneme and speech recognition: LibriSpeech, or one's own list."""

from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.librispeech import read_transcripts, speaker_of
from wavcube.data.text_normalizers import librispeech_spelling
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Example, some
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import LIBRISPEECH, wanted_folder

FOLDERS = {"train": "train-clean-100", "dev": "dev-clean", "test": "test-clean"}


def read_transcribed(data: Path) -> dict[str, list[Example]]:
    """Examples with their words as target, from LibriSpeech or a manifest with a column `transcript`.

    Raises:
        DataError: folders, files or transcripts that are missing.
    """
    if is_manifest(data):
        rows = read_manifest(data, ["transcript"])
        return {
            split: [row.example(librispeech_spelling(row.cells["transcript"])) for row in listed]
            for split, listed in rows.items()
        }
    return {split: _folder(wanted_folder(data / name, LIBRISPEECH)) for split, name in FOLDERS.items()}


def _folder(folder: Path) -> list[Example]:
    words = read_transcripts(folder)
    recordings = sorted(path for path in folder.rglob("*") if path.suffix in {".flac", ".wav"})
    if not recordings:
        raise LIBRISPEECH.missing(folder / "SPEAKER/CHAPTER/*.flac")
    without = [path.name for path in recordings if path.stem not in words]
    if without:
        raise DataError(f"{folder}: {len(without)} recordings have no transcript in a .trans.txt: {some(without)}")
    return [
        Example(Clip(f"{folder.name}/{path.stem}", path), librispeech_spelling(words[path.stem]), speaker_of(path.stem))
        for path in recordings
    ]
