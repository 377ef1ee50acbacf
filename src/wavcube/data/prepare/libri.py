"""The layout that LibriSpeech and LibriTTS share: subset/speaker/chapter/recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.prepare.corpus import Corpus, corpus_clip
from wavcube.errors import DataError


@dataclass(frozen=True)
class Official:
    """How many recordings and speakers a subset has as published."""

    recordings: int
    speakers: int


@dataclass(frozen=True)
class Layout:
    """How one of the corpora names its files.

    Attributes:
        name: of the corpus.
        folders: what its archives unpack to.
        subsets: all that were published.
        suffix: of recordings.
        joint: between speaker, chapter and the rest in the name of a recording.
        transcripts: reads the transcripts of a chapter's folder, by the names of the recordings without suffix.
    """

    name: str
    folders: tuple[str, ...]
    subsets: dict[str, Official]
    suffix: str
    joint: str
    transcripts: Callable[[Path], dict[str, str]]


def find_clips(source: Path, layout: Layout) -> Corpus:
    """Find the recordings of every subset in `source`, or in the folder there that the archives unpacked to.

    Raises:
        DataError: there is no known subset, or no recording in them.
    """
    subsets = _subset_folders(source, layout)
    if not subsets:
        raise DataError(f"{source}: holds no subset of {layout.name} ({', '.join(layout.subsets)})")
    corpus = Corpus()
    for subset in subsets:
        found: list[Clip] = []
        for chapter in sorted(folder for folder in subset.glob("*/*") if folder.is_dir()):
            found += _chapter(chapter, layout, corpus.warnings)
        corpus.clips += found
        corpus.warnings += _missing(subset.name, found, layout.subsets[subset.name])
    if not corpus.clips:
        expected = layout.joint.join(["speaker/chapter/speaker", "chapter", f"number{layout.suffix}"])
        raise DataError(f"{source}: the subsets of {layout.name} here hold no recordings ({expected})")
    return corpus


def _subset_folders(source: Path, layout: Layout) -> list[Path]:
    for folder in (source, *(source / name for name in layout.folders)):
        subsets = [folder / name for name in layout.subsets if (folder / name).is_dir()]
        if subsets:
            return subsets
    return []


def _chapter(folder: Path, layout: Layout, warnings: list[str]) -> list[Clip]:
    subset, speaker = folder.parent.parent.name, folder.parent.name
    begin = layout.joint.join([speaker, folder.name, ""])
    try:
        transcripts = layout.transcripts(folder)
    except DataError as error:
        transcripts = {}
        warnings.append(str(error))
    found, strangers, silent = [], 0, 0
    for path in sorted(folder.glob(f"*{layout.suffix}")):
        if not path.name.startswith(begin):
            strangers += 1
            continue
        transcript = transcripts.pop(path.stem, "")
        silent += not transcript
        found.append(corpus_clip(path, subset, speaker, transcript))
    for count, what in (
        (strangers, f"left out: their names do not begin with {begin}"),
        (silent, "without a transcript"),
        (len(transcripts), "missing that have a transcript"),
    ):
        if count:
            warnings.append(f"{subset}/{speaker}/{folder.name}: {count} recordings {what}")
    return found


def _missing(subset: str, found: list[Clip], official: Official) -> list[str]:
    speakers = len({clip.columns["speaker"] for clip in found})
    if len(found) >= official.recordings and speakers >= official.speakers:
        return []
    return [
        f"{subset}: {len(found):,} of {official.recordings:,} recordings and {speakers:,} of {official.speakers:,} "
        "speakers are there; if that is not on purpose, download and unpack it again"
    ]
