"""Libriheavy (Kang et al., 2023): cuts of the hour-long recordings of Libri-Light, as manifests of JSON lines.

The lines of `libriheavy_cuts_*.jsonl.gz` go through as they are, but uncompressed, which random access needs, and
without those whose audio is missing, damaged or too short. A byte-offset index is made beside each manifest.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from wavcube.data.clip import Clip
from wavcube.data.line_index import build_index
from wavcube.data.manifest import clip_of_row
from wavcube.data.prepare.check import Checked, Level, check_recordings
from wavcube.data.prepare.corpus import Report
from wavcube.data.prepare.manifest import Summary, write_bad_list
from wavcube.data.rows import row_of
from wavcube.errors import DataError
from wavcube.files import atomic_path

SUBSETS = ("small", "medium", "large", "dev", "test_clean", "test_other", "test_clean_large", "test_other_large")

_NAME = re.compile(r"libriheavy_cuts_(\w+)\.jsonl(\.gz)?")
_SLACK = 0.1  # seconds that a cut may reach over the end of its recording, as when it is loaded


@dataclass
class _Done:
    """What is kept of a finished subset, so that a later run need not repeat it."""

    made_from: dict[str, Any]
    cuts: int = 0
    seconds: float = 0.0
    speakers: list[str] = field(default_factory=list)
    bad: list[list[str]] = field(default_factory=list)
    bad_cuts: int = 0


def prepare_libriheavy(source: Path, out: Path, audio_root: Path, level: Level, jobs: int, report: Report) -> Summary:
    """Write the manifests in `source` to the folder `out`; subsets that an earlier run finished are kept.

    Args:
        audio_root: what the paths in the manifests are relative to.
        report: see `Report`.

    Raises:
        DataError: no manifest, a damaged one, no usable audio, or a disk that refuses.
    """
    manifests = _find_manifests(source)
    summary = Summary()
    bad: dict[str, str] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, manifest in manifests.items():
            target = out / f"libriheavy_cuts_{name}.jsonl"
            done = _prepare_subset(manifest, target, audio_root, level, jobs, report)
            subset = summary.subset(name)
            subset.recordings, subset.seconds, subset.bad = done.cuts, done.seconds, done.bad_cuts
            subset.speakers = set(done.speakers)
            bad.update((path, reason) for path, reason in done.bad)
            summary.outputs.append(target)
            if name not in SUBSETS:
                summary.warnings.append(f"{manifest.name}: {name!r} is no subset as published ({', '.join(SUBSETS)})")
    except OSError as error:
        raise DataError(f"{out}: cannot be written to ({error.strerror})") from error
    summary.bad_list = write_bad_list(out / "bad.tsv", list(bad.items()))
    return summary


def _find_manifests(source: Path) -> dict[str, Path]:
    matches = [(path, _NAME.fullmatch(path.name)) for path in sorted(source.glob("libriheavy_cuts_*"))]
    manifests = {match[1]: path for path, match in matches if match}
    if not manifests:
        raise DataError(f"{source}: holds no manifest of Libriheavy (libriheavy_cuts_small.jsonl.gz, ...)")
    return manifests


def _prepare_subset(manifest: Path, target: Path, root: Path, level: Level, jobs: int, report: Report) -> _Done:
    status = manifest.stat()
    made_from = {"manifest": [status.st_size, status.st_mtime_ns], "audio_root": os.fspath(root), "level": str(level)}
    record = target.with_suffix(".done.json")
    if (done := _read_done(record)) and done.made_from == made_from and target.is_file():
        return done
    ends: dict[str, float] = {}
    for _, clip, _ in _cuts(manifest, root, report):
        path, end = _stretch(clip)
        ends[path] = max(ends.get(path, 0.0), end)
    notes = target.with_suffix(".notes")
    paths = sorted(ends)
    checked = check_recordings([Path(path) for path in paths], level, notes, jobs, report)
    results = dict(zip(paths, checked, strict=True))
    done = _Done(made_from, bad=[[path, result.reason] for path, result in results.items() if result.reason])
    if len(done.bad) == len(paths):
        raise DataError(
            f"{manifest}: none of its {len(paths)} recordings can be used, the first: {done.bad[0][1]}; name the "
            "folder that the paths in the manifest are relative to with --audio-root"
        )
    _write_cuts(manifest, target, root, results, done, report)
    build_index(target, lambda position: report(f"indexing {target.name}", position, target.stat().st_size))
    with atomic_path(record) as temporary:
        temporary.write_text(json.dumps(vars(done)), encoding="utf-8")
    notes.unlink()
    return done


def _write_cuts(
    manifest: Path, target: Path, root: Path, results: dict[str, Checked], done: _Done, report: Report
) -> None:
    speakers: set[str] = set()
    too_long: dict[str, str] = {}
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        for line, clip, speaker in _cuts(manifest, root, report):
            path, end = _stretch(clip)
            result = results[path]
            if result.reason or end > result.seconds + _SLACK:
                done.bad_cuts += 1
                if not result.reason:
                    too_long[path] = f"ends at {result.seconds:.2f} s, before its last cut"
                continue
            file.write(line + b"\n")
            done.cuts += 1
            done.seconds += end - (clip.start or 0.0)
            speakers.add(speaker)
    done.speakers = sorted(speakers)
    done.bad += [[path, reason] for path, reason in too_long.items()]


def _cuts(manifest: Path, root: Path, report: Report) -> Iterator[tuple[bytes, Clip, str]]:
    """Yield every line of a manifest with its clip and speaker."""
    size = manifest.stat().st_size
    number = 0
    with manifest.open("rb") as raw:
        try:
            for number, line in enumerate(_lines(raw, manifest), 1):
                entry = json.loads(line)
                clip = clip_of_row(manifest, number, row_of(entry), root)
                yield line.strip(), clip, entry["supervisions"][0].get("speaker", "")
                if number % 1000 == 0:
                    report(f"reading {manifest.name}", raw.tell(), size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{manifest}: is damaged or incomplete ({error}); download it again") from error
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise DataError(
                f"{manifest}, line {number}: is no cut of Libriheavy ({type(error).__name__}: {error})"
            ) from error


def _stretch(clip: Clip) -> tuple[str, float]:
    """Return the path of a cut's recording, and where it ends in it, in seconds."""
    assert clip.seconds is not None
    return str(clip.path), (clip.start or 0.0) + clip.seconds


def _lines(raw: BinaryIO, manifest: Path) -> Iterator[bytes]:
    if manifest.suffix == ".gz":
        with gzip.open(raw) as lines:
            yield from lines
    else:
        yield from raw


def _read_done(record: Path) -> _Done | None:
    try:
        return _Done(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
