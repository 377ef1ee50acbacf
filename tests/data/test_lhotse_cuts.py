"""Lhotse manifests."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from wavcube.data.lhotse_cuts import read_lhotse
from wavcube.data.manifest import iterate_clips
from wavcube.errors import DataError

lhotse = pytest.importorskip("lhotse")


@pytest.fixture
def recordings(write_tones) -> Any:
    return lhotse.RecordingSet.from_recordings(lhotse.Recording.from_file(path) for path in write_tones(2, seconds=2.0))


def read(manifest: Any, path: Path, root: str = "") -> list:
    manifest.to_file(path)
    return list(read_lhotse(path, Path(root)))


def test_recordings(recordings, tmp_path):
    clips = read(recordings, tmp_path / "recordings.jsonl.gz")
    assert [str(clip.path) for clip in clips] == [recording.sources[0].source for recording in recordings]
    assert [(clip.start, clip.seconds, clip.channel) for clip in clips] == [(None, 2.0, None)] * 2


def test_cuts(recordings, tmp_path):
    cuts = lhotse.CutSet.from_manifests(recordings=recordings).cut_into_windows(0.8)
    clips = read(cuts, tmp_path / "cuts.jsonl.gz")
    assert [(clip.start, clip.seconds, clip.channel) for clip in clips[:3]] == [
        (0.0, 0.8, 0),
        (0.8, 0.8, 0),
        (1.6, pytest.approx(0.4), 0),
    ]
    assert len({clip.name for clip in clips}) == 6


def test_relative_sources_are_below_root(recordings, tmp_path):
    for recording in recordings:
        recording.sources[0].source = Path(recording.sources[0].source).name
    assert [str(clip.path) for clip in read(recordings, tmp_path / "r.jsonl.gz", root="/corpus")] == [
        "/corpus/clip0000.flac",
        "/corpus/clip0001.flac",
    ]


def test_what_cannot_be_used(recordings, tmp_path):
    cuts = lhotse.CutSet.from_manifests(recordings=recordings)
    first, second = list(cuts)
    mixed = lhotse.CutSet.from_cuts([first.mix(second)])
    with pytest.raises(DataError, match="MixedCut without audio; cuts of one recording are needed"):
        read(mixed, tmp_path / "mixed.jsonl.gz")
    first.recording.sources[0].type = "url"
    with pytest.raises(DataError, match="write the manifest as Lhotse Shar"):
        read(lhotse.CutSet.from_cuts([first]), tmp_path / "url.jsonl.gz")
    with pytest.raises(DataError, match="no such file"):
        list(read_lhotse(tmp_path / "gone.jsonl.gz", tmp_path))
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(b"{not json\n"))
    with pytest.raises(DataError, match="cannot be used as a Lhotse manifest"):
        list(iterate_clips(broken))
    broken.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"broken\.jsonl\.gz"):
        list(iterate_clips(broken))
