"""Recordings of a task whose latents are stored: their audio need not be there."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from wavcube.audio.io import AUDIO_SUFFIXES
from wavcube.data.clip import SLACK_S, Clip, part_name
from wavcube.data.stored_latents.clips import latent_clips, with_stored_latents
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, some

Name = tuple[str, ...]
"""The parts of a path without the suffix of an audio file."""


class StoredRecordings:
    """The recordings of folders that `wavcube encode --to shar` wrote, by their names.

    Args:
        folders: of latents.

    Raises:
        DataError: one is not complete, or damaged.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)
        self._by_end: dict[str, list[tuple[Name, Clip]]] = defaultdict(list)
        for folder in folders:
            for clip in latent_clips(folder):
                name = _name(clip.name)
                self._by_end[name[-1]].append((name, clip))

    def replace_audio(self, corpora: Sequence[Corpus], data: Path) -> list[Corpus]:
        """The same corpora, of which latents are read and no audio.

        Args:
            corpora: of a task.
            data: what they were read from.

        Raises:
            DataError: recordings that have no latents, by name; two that would have the same ones; or latents of
                another duration than the list says.
        """
        clips = {example.clip.name: example.clip for corpus in corpora for example in corpus.examples}
        found = {name: stored for name, clip in clips.items() if (stored := self._of(clip))}
        lacking = [name for name in clips if name not in found]
        where = ", ".join(str(folder) for folder in self.folders)
        if lacking:
            raise DataError(
                f"{where}: {len(lacking)} of {len(clips)} recordings of {data} have no latents there: {some(lacking)}. "
                "Encode them too (records/ has the reasons of those that could not be); a name is a path below the "
                "folder or list that was encoded"
            )
        owners: dict[Path, str] = {}
        for name, stored in found.items():
            owner = owners.setdefault(stored.path, name)
            if owner != name:
                raise DataError(f"{where}: {stored.name} is the only one for both {owner} and {name} of {data}")
        return [corpus.with_clips(lambda clip: with_stored_latents(clip, found[clip.name])) for corpus in corpora]

    def _of(self, clip: Clip) -> Clip | None:
        """The latents of a clip: of the same name, else of a name that its path ends with, else of one that ends with
        its name.

        Raises:
            DataError: several would do, or they last longer or shorter than the clip.
        """
        stem = os.path.splitext(clip.path)[0]
        path = _name(stem if clip.start is None else part_name(stem, clip.start, clip.seconds))
        name = _name(clip.name)
        candidates = [*self._by_end[path[-1]], *(self._by_end[name[-1]] if name[-1] != path[-1] else ())]
        same = [one for other, one in candidates if other == name]
        above = [(len(other), one) for other, one in candidates if _ends_with(path, other)]
        longest = max((length for length, _ in above), default=0)
        for chosen in (
            same,
            [one for length, one in above if length == longest],
            [one for other, one in candidates if _ends_with(other, name)],
        ):
            if len(chosen) > 1:
                raise DataError(f"{clip.name}: has latents twice, {chosen[0].path} and {chosen[1].path}")
            if chosen:
                return self._checked(clip, chosen[0])
        return None

    def _checked(self, clip: Clip, stored: Clip) -> Clip:
        if clip.seconds is not None and abs(clip.seconds - (stored.seconds or 0.0)) > SLACK_S:
            raise DataError(
                f"{clip.name}: lasts {clip.seconds:.2f} s by the list, its latents {stored.path} are of "
                f"{stored.seconds:.2f} s"
            )
        return stored


def _name(text: str) -> Name:
    stem, suffix = os.path.splitext(text)
    return tuple((stem if suffix.lower() in AUDIO_SUFFIXES else text).strip("/").split("/"))


def _ends_with(name: Name, end: Name) -> bool:
    return name[-len(end) :] == end
