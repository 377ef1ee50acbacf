"""Keyword spotting: which of ten words, silence, or another word (Speech Commands v0.01; accuracy)."""

from pathlib import Path

from wavcube.data.clip import Clip, seconds_of
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_classes, check_splits
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import SPEECH_COMMANDS, wanted_folder, wanted_lines
from wavcube.understanding.task import PooledTask, labels_of

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE, UNKNOWN, NOISE = "_silence_", "_unknown_", "_background_noise_"


class KeywordSpotting(PooledTask):
    """Speech Commands, or a manifest with a column `word` (all its words are classes)."""

    name = "ks"
    title = "Keyword spotting"
    official = SPEECH_COMMANDS
    recipe = ProbeConfig(steps=200_000, batch=32, learning_rate=1e-4, balanced=True)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            rows = read_manifest(data, ["word"])
            splits = {split: [row.example(row.cells["word"]) for row in listed] for split, listed in rows.items()}
        else:
            splits = _speech_commands(data)
        return [Corpus.of(splits, labels=labels_of(splits["train"]))]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_classes(corpus, source)


def _speech_commands(data: Path) -> dict[str, list[Example]]:
    root = wanted_folder(data / "speech_commands_v0.01", SPEECH_COMMANDS)
    test_root = wanted_folder(data / "speech_commands_test_set_v0.01", SPEECH_COMMANDS)
    # The official test set is a download of its own; what testing_list.txt names is left out of training.
    dev, left_out = (
        set(wanted_lines(root / f"{name}_list.txt", SPEECH_COMMANDS)) for name in ("validation", "testing")
    )
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name != NOISE):
        label = folder.name if folder.name in WORDS else UNKNOWN
        for path in sorted(folder.glob("*.wav")):
            name = f"{folder.name}/{path.name}"
            if name not in left_out:
                example = Example(Clip(name, path), label, _speaker(path))
                splits["dev" if name in dev else "train"].append(example)
    for path in sorted(wanted_folder(root / NOISE, SPEECH_COMMANDS).glob("*.wav")):
        pieces = _seconds_of_silence(path)
        # One second in ten, and one at least, measures on dev whether silence is recognised.
        for i, piece in enumerate(pieces):
            splits["dev" if i % 10 == 1 else "train"].append(Example(piece, SILENCE))
    for folder in sorted(path for path in test_root.iterdir() if path.is_dir()):
        if folder.name not in (*WORDS, SILENCE, UNKNOWN):
            raise DataError(f"{folder}: {folder.name!r} is no class of the test set of Speech Commands v0.01")
        for path in sorted(folder.glob("*.wav")):
            splits["test"].append(Example(Clip(f"test/{folder.name}/{path.name}", path), folder.name, _speaker(path)))
    return splits


def _speaker(path: Path) -> str:
    """Files are named SPEAKER_nohash_NUMBER.wav."""
    return path.stem.split("_")[0]


def _seconds_of_silence(path: Path) -> list[Clip]:
    """A recording of noise, cut into pieces of one second."""
    whole = int(seconds_of(Clip(path.name, path)))
    return [Clip(f"{NOISE}/{path.name}:{second}", path, float(second), 1.0) for second in range(whole)]
