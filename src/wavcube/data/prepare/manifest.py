"""The output of preparing a corpus: a manifest, a list of unusable recordings, and a summary."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.prepare.check import Checked
from wavcube.data.rows import write_table
from wavcube.errors import DataError

COLUMNS = ("path", "seconds", "speaker", "subset", "transcript")


@dataclass
class SubsetSummary:
    """What a subset amounts to."""

    recordings: int = 0
    seconds: float = 0.0
    speakers: set[str] = field(default_factory=set)
    bad: int = 0


@dataclass
class Summary:
    """What was prepared.

    Attributes:
        subsets: by name, in the order of the manifest.
        outputs: the manifests that can be trained on.
        bad_list: what cannot be used, and why; None if all can.
        warnings: what is odd about the corpus.
    """

    subsets: dict[str, SubsetSummary] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    bad_list: Path | None = None
    warnings: list[str] = field(default_factory=list)

    def subset(self, name: str) -> SubsetSummary:
        return self.subsets.setdefault(name, SubsetSummary())


def write_manifest(path: Path, clips: Sequence[Clip], checked: Sequence[Checked]) -> Summary:
    """Write the recordings that can be used as a TSV table with absolute paths, the others to a `.bad.tsv` beside it.

    Raises:
        DataError: none can be used, or the disk refuses.
    """
    summary = Summary(outputs=[path])
    rows: list[tuple[str, ...]] = []
    bad: list[tuple[str, str]] = []
    for clip, result in zip(clips, checked, strict=True):
        name = os.path.abspath(clip.path)
        reason = result.reason or _unfit_path(name)
        subset = summary.subset(clip.columns["subset"])
        if reason:
            subset.bad += 1
            bad.append((name, reason))
            continue
        subset.recordings += 1
        subset.seconds += result.seconds
        subset.speakers.add(clip.columns["speaker"])
        texts = (clip.columns["speaker"], clip.columns["subset"], clip.transcript or "")
        rows.append((name, f"{result.seconds:.3f}", *map(_one_line, texts)))
    if not rows:
        raise DataError(f"none of the {len(bad)} recordings can be used, the first: {bad[0][1]}")
    write_table(path, COLUMNS, rows)
    summary.bad_list = write_bad_list(path.with_suffix(".bad.tsv"), bad)
    return summary


def write_bad_list(path: Path, bad: Sequence[tuple[str, str]]) -> Path | None:
    """Write paths and reasons; without any, remove the list of an earlier run and return None."""
    if bad:
        write_table(path, ("path", "reason"), [(_one_line(name), _one_line(reason)) for name, reason in bad])
        return path
    path.unlink(missing_ok=True)
    return None


def _unfit_path(name: str) -> str:
    if any(character in name for character in "\t\r\n"):
        return "the path holds a tab or a line break, which a table cannot"
    return "" if name.isascii() or name == name.encode(errors="replace").decode() else "the path is no UTF-8"


def _one_line(text: str) -> str:
    return " ".join(text.split())
