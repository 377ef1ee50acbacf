"""Pairs of a source's recording and a target's voice, as a list."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip
from wavcube.data.manifest import parse_filters, read_clips
from wavcube.data.rows import write_table
from wavcube.errors import DataError

SEPARATOR = "|"
"""Between the paths of a target's recordings."""


@dataclass(frozen=True)
class Target:
    """Whose voice a source is converted to.

    Attributes:
        speaker: by name.
        recordings: of the voice.
        reference: another, that the result is compared with.
        other: one more: what true speech scores beside `reference`.
    """

    speaker: str
    recordings: tuple[Path, ...]
    reference: Path
    other: Path


def make_pairs(clips: Sequence[Clip], seconds: float, seed: int) -> list[tuple[Clip, Target]]:
    """Every clip as a source, once, with another speaker that has so many seconds of speech and two more clips.

    A target's recordings are its first ones; the reference and the other are drawn from those after them.

    Raises:
        DataError: clips without speakers, parts of recordings, or too little speech for any pair.
    """
    speakers = defaultdict(list)
    for clip in clips:
        if not clip.columns.get("speaker"):
            raise DataError(f"{clip.path}: its speaker is not known; the list needs a column `speaker`")
        if clip.is_part:
            raise DataError(f"{clip.name} is a part of a recording; write parts out as files")
        speakers[clip.columns["speaker"]].append(clip.path)
    lengths = {clip.path: clip.seconds or 0.0 for clip in clips}
    targets = {}
    for speaker, own in speakers.items():
        count = int(np.searchsorted(np.cumsum([lengths[path] for path in own]), seconds)) + 1
        if len(own) >= count + 2:
            targets[speaker] = tuple(own[:count]), own[count:]
    random, pairs = np.random.default_rng(seed), []
    for clip in clips:
        others = [speaker for speaker in targets if speaker != clip.columns["speaker"]]
        if others:
            speaker = others[int(random.integers(len(others)))]
            recordings, rest = targets[speaker]
            reference, other = (rest[int(i)] for i in random.permutation(len(rest))[:2])
            pairs.append((clip, Target(speaker, recordings, reference, other)))
    if not pairs:
        raise DataError(f"no speaker has {seconds:g} s of speech and two more recordings, or there is only one speaker")
    return pairs


def write_pairs(pairs: Sequence[tuple[Clip, Target]], path: Path) -> None:
    """Write a list that `read_pairs` reads; paths are relative to it.

    Columns: path (of the source), speaker, transcript, language, target_speaker, target, reference, other.
    """
    base = path.absolute().parent

    def relative(recording: Path) -> str:
        return os.path.relpath(recording.absolute(), base)

    rows = [
        {
            "path": relative(clip.path),
            "speaker": clip.columns["speaker"],
            "transcript": clip.transcript or "",
            "language": clip.language,
            "target_speaker": target.speaker,
            "target": SEPARATOR.join(map(relative, target.recordings)),
            "reference": relative(target.reference),
            "other": relative(target.other),
        }
        for clip, target in pairs
    ]
    base.mkdir(parents=True, exist_ok=True)
    write_table(path, list(rows[0]), [list(row.values()) for row in rows])


def read_pairs(
    data: Path, filters: Sequence[str] = (), limit: int | None = None
) -> tuple[list[Clip], dict[str, Target]]:
    """The sources of a list, and the targets by the sources' names.

    Raises:
        DataError: columns or recordings that are missing.
    """
    clips, targets = [], {}
    for clip in read_clips(data, parse_filters(filters), limit):
        cells = {name: clip.columns.get(name, "") for name in ("target", "reference", "other")}
        lacking = [name for name, cell in cells.items() if not cell]
        if lacking:
            raise DataError(f"{data}: no {lacking[0]} beside {clip.path}; see `wavcube prepare conversion-pairs`")
        recordings = tuple(data.parent / cell for cell in cells["target"].split(SEPARATOR))
        reference, other = data.parent / cells["reference"], data.parent / cells["other"]
        for path in (reference, other, *recordings):
            if not path.is_file():
                raise DataError(f"{data}: {path} does not exist")
        clips.append(clip)
        targets[clip.name] = Target(clip.columns.get("target_speaker", ""), recordings, reference, other)
    return clips, targets
