"""Reconstructions that another program has written: which file is whose, and what a recording is known by."""

from pathlib import Path

import numpy as np
import pytest

from wavcube.audio.io import save_audio
from wavcube.data.manifest import read_clips
from wavcube.errors import DataError
from wavcube.evaluation.results import recording_fingerprint
from wavcube.evaluation.systems.files import paired_files


def _write(path: Path, seconds: float = 0.5, sample_rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_audio(path, np.full(int(seconds * sample_rate), 0.1, np.float32), sample_rate)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/one.wav", "a/two.flac", "b/three.wav"):
        _write(tmp_path / "data" / name)
    return tmp_path / "data"


def test_the_fingerprint_is_of_content_part_and_words(folder: Path) -> None:
    manifest = folder / "list.tsv"
    manifest.write_text("path\tstart\tend\ttranscript\na/one.wav\t\t\twords\na/two.flac\t\t\t\na/two.flac\t0\t0.2\t\n")
    one, two, part = read_clips(manifest)
    plain = read_clips(folder)
    assert recording_fingerprint(one) != recording_fingerprint(plain[0])  # has words
    assert recording_fingerprint(two) == recording_fingerprint(plain[1])
    assert recording_fingerprint(part) != recording_fingerprint(two)
    before = recording_fingerprint(plain[0])
    _write(folder / "a" / "one.wav", 0.6)
    assert recording_fingerprint(read_clips(folder)[0]) != before


def test_pairs_are_found_by_name_whatever_the_suffix(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    _write(made / "a" / "one.flac")
    _write(made / "two.wav", 0.55, 24_000)  # codecs pad; another rate; flat
    _write(made / "b" / "three.wav")
    pairs = paired_files(read_clips(folder), made)
    assert {name: path.name for name, path in pairs.items()} == {
        "a/one": "one.flac",
        "a/two": "two.wav",
        "b/three": "three.wav",
    }


def test_missing_unequal_and_ambiguous_pairs(folder: Path, tmp_path: Path) -> None:
    utterances, made = read_clips(folder), tmp_path / "made"
    with pytest.raises(DataError, match="no such folder of reconstructions"):
        paired_files(utterances, made)
    _write(made / "a" / "one.wav")
    _write(made / "a" / "two.wav")
    with pytest.raises(DataError, match="1 of 3 reconstructions are missing: b/three"):
        paired_files(utterances, made)
    # 24 kHz speech in a file that claims 16 kHz: half as long again.
    _write(made / "b" / "three.wav", 0.75)
    with pytest.raises(
        DataError, match=r"three.wav \(0.75 s for 0.50 s\); are these the right files, and is the sample"
    ):
        paired_files(utterances, made)
    _write(made / "b" / "three.flac")
    with pytest.raises(DataError, match="several files could be the reconstruction of b/three"):
        paired_files(utterances, made)
