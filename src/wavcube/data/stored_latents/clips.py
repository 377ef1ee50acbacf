"""The recordings of a corpus of latents as clips: what is trained on them needs no audio."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wavcube.data.clip import Clip
from wavcube.data.stored_latents.corpus import LatentCorpus
from wavcube.data.stored_latents.index import INDEX

_PLACE = "latent"
"""The column with the number of a recording in its corpus."""


class StoredPlace(NamedTuple):
    """Where the latents of a clip are: the folder of their corpus, and their number in it."""

    folder: Path
    number: int


def is_latent_corpus(path: Path) -> bool:
    """Whether a path is a folder that `wavcube encode --to shar` has completed, or its latents.json."""
    return (path.name == INDEX and path.is_file()) or (path / INDEX).is_file()


def latent_clips(path: Path) -> Iterator[Clip]:
    """The recordings of a corpus of latents. Their path is below its latents.json, where there is no audio.

    Raises:
        DataError: it is not complete, or damaged.
    """
    corpus = LatentCorpus(path)
    for number in range(len(corpus)):
        columns = dict(corpus.metadata(number))
        name, seconds, words = columns.pop("name"), float(columns.pop("seconds")), columns.pop("transcript", None)
        language = columns.get("language") or "en"
        columns[_PLACE] = str(number)
        place = corpus.folder / INDEX / name.lstrip("/")
        yield Clip(name, place, seconds=seconds, transcript=words, language=language, columns=columns)


def with_stored_latents(clip: Clip, stored: Clip) -> Clip:
    """The same clip, of which the latents of `stored`, one of `latent_clips`, are read and not its audio."""
    columns = {**clip.columns, _PLACE: stored.columns[_PLACE]}
    return replace(clip, path=stored.path / clip.path.name, start=None, seconds=stored.seconds, columns=columns)


def stored_place(clip: Clip) -> StoredPlace | None:
    """Where the latents of a clip of `latent_clips` are; None for a recording."""
    for parent in clip.path.parents:
        if parent.name == INDEX and _PLACE in clip.columns:
            return StoredPlace(parent.parent, int(clip.columns[_PLACE]))
    return None
