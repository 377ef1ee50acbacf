"""Reconstructions that some other program has written, under evaluation."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wavcube.audio.io import audio_info, find_audio, load_audio
from wavcube.data.clip import Clip, seconds_of
from wavcube.data.manifest import some
from wavcube.data.stored_latents.recordings import StoredAudio, is_recording_corpus, stored_audio
from wavcube.errors import AudioError, DataError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System
from wavcube.hashing import digest, fingerprint_file

LARGEST_DIFFERENCE_S = 0.1
"""Codecs may add or drop part of a frame at the end; more is another recording, or a wrong sample rate."""


class Files(System):
    """A folder with one recording for each utterance, of the same name: files of any rate and suffix of audio, or the
    shards that `wavcube decode` makes of a corpus of latents."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.name = self.folder.name
        self.title = f"files of the folder {self.folder.name}"
        self.fingerprint = "files"
        self._found: Mapping[str, Path | StoredAudio] = {}

    def check(self, utterances: Sequence[Clip]) -> None:
        self._found = paired_files(utterances, self.folder)

    def fingerprint_for(self, name: str) -> str:
        found = self._found[name]
        known_by = fingerprint_file(found) if isinstance(found, Path) else digest(found.read())
        return f"{self.fingerprint} {known_by}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [
            Recording(load_audio(_source(self._found[original.name]), EVALUATION_RATE), EVALUATION_RATE, original.name)
            for original in originals
        ]


def paired_files(utterances: Sequence[Clip], folder: str | os.PathLike[str]) -> Mapping[str, Path | StoredAudio]:
    """Find in `folder` the counterpart of every utterance: same name, any suffix of audio.

    The name is an utterance's path below its folder or manifest; where that gives nothing, its last part is enough.

    Raises:
        DataError: the folder is missing, some utterance has no counterpart or several, or a counterpart is of another
            duration (by more than 0.1 s).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of reconstructions")
    by_name: dict[str, list[Path | StoredAudio]] = {}
    by_last_part: dict[str, list[Path | StoredAudio]] = {}
    for name, there in _recordings_of(folder):
        by_name.setdefault(name, []).append(there)
        by_last_part.setdefault(name.rsplit("/", 1)[-1], []).append(there)
    pairs, missing, unequal = {}, [], []
    for utterance in utterances:
        found = by_name.get(utterance.name) or by_last_part.get(utterance.name.rsplit("/", 1)[-1]) or []
        if len(found) > 1:
            raise DataError(f"{folder}: several files could be the reconstruction of {utterance.name}: {some(found)}")
        if not found:
            missing.append(utterance.name)
            continue
        pairs[utterance.name] = found[0]
        unequal += _unequal(found[0], utterance)
    if missing:
        raise DataError(f"{folder}: {len(missing)} of {len(utterances)} reconstructions are missing: {some(missing)}")
    if unequal:
        raise DataError(
            f"{folder}: {len(unequal)} reconstructions differ from their original in duration: {some(unequal)}; "
            "are these the right files, and is the sample rate in their headers right?"
        )
    return pairs


def _recordings_of(folder: Path) -> Iterator[tuple[str, Path | StoredAudio]]:
    """All recordings of a folder with their names."""
    if is_recording_corpus(folder):
        yield from stored_audio(folder).items()
        return
    for path in find_audio(folder):
        yield path.relative_to(folder).with_suffix("").as_posix(), path


def _source(found: Path | StoredAudio) -> Path | bytes:
    return found if isinstance(found, Path) else found.read()


def _unequal(found: Path | StoredAudio, utterance: Clip) -> list[str]:
    """How the duration of a recording differs from its original's, if it does and both can be read."""
    try:
        seconds = audio_info(found).seconds if isinstance(found, Path) else found.seconds
        expected = seconds_of(utterance)
    except AudioError:
        return []  # named with its reason when it is read
    same = abs(seconds - expected) <= LARGEST_DIFFERENCE_S
    return [] if same else [f"{found} ({seconds:.2f} s for {expected:.2f} s)"]
