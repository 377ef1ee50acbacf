"""Preparing a corpus of separate recordings: find them, check them, write the manifest."""

from collections.abc import Callable
from pathlib import Path

from wavcube.data.prepare.check import Level, check_recordings
from wavcube.data.prepare.corpus import Corpus, Report
from wavcube.data.prepare.manifest import Summary, write_manifest
from wavcube.errors import DataError


def prepare_table(
    source: Path, out: Path, find: Callable[[Path], Corpus], level: Level, jobs: int, report: Report
) -> Summary:
    """Write a TSV manifest of the recordings that `find` finds in `source`; goes on where an interrupted run stopped.

    Raises:
        DataError: nothing is found, nothing of it can be used, or the manifest cannot be written.
    """
    if out.suffix != ".tsv":
        raise DataError(f"{out}: name a file that ends in .tsv for the manifest")
    if not out.parent.is_dir():
        raise DataError(f"{out.parent}: no such folder to write the manifest to")
    report(f"searching {source}", 0, 1)
    corpus = find(source)
    notes = out.with_name(f".{out.name}.notes")
    checked = check_recordings([clip.path for clip in corpus.clips], level, notes, jobs, report)
    summary = write_manifest(out, corpus.clips, checked)
    summary.warnings = corpus.warnings
    notes.unlink()
    return summary
