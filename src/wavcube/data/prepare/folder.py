"""Any folder of audio: the speaker is the folder that a recording lies in, the transcript a .txt of its name."""

from pathlib import Path

from wavcube.audio.io import AUDIO_SUFFIXES, is_audio
from wavcube.data.prepare.corpus import Corpus, corpus_clip
from wavcube.data.rows import read_text
from wavcube.errors import DataError
from wavcube.files import find_files


def find_folder(source: Path) -> Corpus:
    """Find every recording below a folder; the first folder on the way is its subset, if there are two or more.

    Raises:
        DataError: there is none.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder")
    corpus = Corpus()
    for file in find_files([source], AUDIO_SUFFIXES, "audio", DataError, is_audio, _is_transcript):
        folders = file.relative.parts[:-1]
        text = file.path.with_suffix(".txt")
        corpus.clips.append(
            corpus_clip(
                file.path,
                folders[0] if len(folders) > 1 else "",
                folders[-1] if folders else "",
                _words(text, corpus.warnings),
            )
        )
    return corpus


def _is_transcript(path: Path) -> bool:
    """Whether a file is the text of a recording beside it."""
    return path.suffix == ".txt" and any(path.with_suffix(suffix).exists() for suffix in AUDIO_SUFFIXES)


def _words(text: Path, warnings: list[str]) -> str:
    try:
        return read_text(text) if text.is_file() else ""
    except DataError as error:
        warnings.append(f"{error}; its recording has no transcript")
        return ""
