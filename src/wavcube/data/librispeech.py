"""LibriSpeech's files: SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac, and the words of a chapter in one .trans.txt."""

from pathlib import Path

from wavcube.data.rows import read_text


def is_transcript(path: Path) -> bool:
    """Whether a file has the words of a chapter."""
    return path.name.endswith(".trans.txt")


def read_transcripts(folder: Path) -> dict[str, str]:
    """`SPEAKER-CHAPTER-NUMBER` -> words, of every `*.trans.txt` in a folder and below.

    Raises:
        DataError: such a file cannot be read.
    """
    lines = (line for path in sorted(folder.rglob("*.trans.txt")) for line in read_text(path).splitlines())
    pairs = (line.strip().partition(" ") for line in lines)
    return {name: words.strip() for name, _, words in pairs if words.strip()}


def speaker_of(name: str) -> str:
    """The speaker of `SPEAKER-CHAPTER-NUMBER`."""
    return name.partition("-")[0]


def find_recording(folder: Path, name: str) -> Path:
    """Where `SPEAKER-CHAPTER-NUMBER` lies in a subset: in the folder of its chapter, or, flat, in `folder` itself.

    If it is in neither, the path that it should have.
    """
    speaker, chapter, _ = [*name.split("-"), "", ""][:3]
    nested = folder / speaker / chapter / f"{name}.flac"
    return nested if nested.is_file() else next((p for p in folder.glob(f"{name}.*") if p.is_file()), nested)
