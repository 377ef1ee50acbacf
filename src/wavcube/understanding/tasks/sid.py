"""Speaker identification: which of the speakers of training (VoxCeleb1, 1,251 speakers; accuracy)."""

from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_classes, check_splits
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import VOXCELEB1, wanted_lines
from wavcube.understanding.task import PooledTask, labels_of

LIST = "veri_test_class.txt"
SPLITS = {"1": "train", "2": "dev", "3": "test"}


class SpeakerIdentification(PooledTask):
    """VoxCeleb1 by `veri_test_class.txt`, or a manifest with a column `speaker`."""

    name = "sid"
    title = "Speaker identification"
    official = VOXCELEB1
    recipe = ProbeConfig(steps=200_000, batch=8, accumulate=4, learning_rate=1e-4, crop_seconds=8.0)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            rows = read_manifest(data, ["speaker"])
            splits = {split: [row.example(row.cells["speaker"]) for row in listed] for split, listed in rows.items()}
        else:
            splits = _voxceleb(data)
        return [Corpus.of(splits, labels=labels_of(splits["train"]))]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_classes(corpus, source)


def _voxceleb(data: Path) -> dict[str, list[Example]]:
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for number, line in enumerate(wanted_lines(data / LIST, VOXCELEB1), 1):
        split, _, name = line.strip().partition(" ")
        if split not in SPLITS or not name:
            raise DataError(f"{data / LIST}, line {number}: {line!r} is not '1|2|3 SPEAKER/VIDEO/FILE.wav'")
        speaker = name.split("/")[0]
        splits[SPLITS[split]].append(Example(Clip(name, voxceleb_path(data, name)), speaker, speaker))
    return splits


def voxceleb_path(data: Path, name: str) -> Path:
    """Where SPEAKER/VIDEO/FILE.wav lies: below dev/wav, test/wav or wav."""
    places = [data / part / name for part in ("dev/wav", "test/wav", "wav")]
    return next((path for path in places if path.is_file()), places[0])
