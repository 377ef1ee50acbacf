"""Tiny corpora in the layouts of the published ones."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile


def write_noise(path: Path, seconds: float = 0.5, rate: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, round(seconds * rate)), rate)


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    """Two subsets, three speakers, eight recordings, unpacked below LibriSpeech/."""
    root = tmp_path / "corpora"
    for subset, speaker, chapter, count in [
        ("dev-clean", "84", "121123", 3),
        ("dev-clean", "174", "50561", 2),
        ("test-clean", "61", "70968", 3),
    ]:
        folder = root / "LibriSpeech" / subset / speaker / chapter
        names = [f"{speaker}-{chapter}-{number:04d}" for number in range(count)]
        for number, name in enumerate(names):
            write_noise(folder / f"{name}.flac", seconds=1 + number)
        lines = (f"{name} THE WORDS OF {number}\n" for number, name in enumerate(names))
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return root


@pytest.fixture
def libritts(tmp_path: Path) -> Path:
    root = tmp_path / "LibriTTS"
    for sentence in range(3):
        path = root / "dev-clean" / "84" / "121123" / f"84_121123_000007_{sentence:06d}.wav"
        write_noise(path, rate=24_000)
        path.with_suffix(".normalized.txt").write_text(f"Sentence {sentence}.\n")
        path.with_suffix(".original.txt").write_text("As printed.")
    return root


def cut(number: int, source: str, start: float, seconds: float, speaker: str = "100") -> dict:
    return {
        "id": f"small/{speaker}/{source}_{number}",
        "start": start,
        "duration": seconds,
        "channel": 0,
        "supervisions": [{"id": "s", "speaker": speaker, "custom": {"texts": ["Words."]}}],
        "recording": {
            "id": source,
            "sources": [{"type": "file", "channels": [0], "source": f"download/librilight/{source}.flac"}],
            "sampling_rate": 16000,
            "num_samples": 160000,
            "duration": 10.0,
        },
        "type": "MonoCut",
    }


@pytest.fixture
def libriheavy(tmp_path: Path) -> Path:
    """Two manifests over three recordings of 3 s, of which one is missing."""
    root = tmp_path / "heavy"
    for source in ("a", "b"):
        write_noise(root / f"download/librilight/{source}.flac", seconds=3)
    subsets = {
        "small": [cut(0, "a", 0.0, 1.0), cut(1, "a", 1.0, 1.5), cut(2, "b", 0.5, 2.0, "200"), cut(3, "c", 0.0, 1.0)],
        "dev": [cut(4, "a", 0.5, 1.0), cut(5, "b", 2.0, 3.0)],
    }
    for name, cuts in subsets.items():
        lines = "".join(json.dumps(entry) + "\n" for entry in cuts)
        (root / f"libriheavy_cuts_{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return root
