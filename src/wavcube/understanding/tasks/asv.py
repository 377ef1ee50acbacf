"""Speaker verification: whether two recordings are of one speaker (VoxCeleb1 test-O; equal error rate)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import (
    Corpus,
    Example,
    check_classes,
    check_speakers_apart,
    check_splits,
    some,
)
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import VOXCELEB1, wanted_folder, wanted_lines
from wavcube.understanding.heads import XVector
from wavcube.understanding.task import Measure, ProbeTask, labels_of
from wavcube.understanding.tasks.sid import voxceleb_path
from wavcube.understanding.training.batches import Batch

LIST = "veri_test.txt"
DEV_SHARE = 0.03
"""Speakers of VoxCeleb1's dev part that are kept from training: the corpus has no split to choose on."""

TRIALS = 4000
"""At most so many pairs are made where no list gives them, half of them of one speaker."""


class SpeakerVerification(ProbeTask):
    """VoxCeleb1 by `veri_test.txt`, or a manifest with a column `speaker`.

    SUPERB reports the best test EER of all checkpoints. Here checkpoint and learning rate are chosen on pairs of
    speakers who are kept from training, which is stricter.
    """

    name = "asv"
    title = "Speaker verification"
    official = VOXCELEB1
    measures = (Measure("eer", "EER", "%", False),)
    packages = ("sklearn",)
    recipe = ProbeConfig(
        steps=200_000,
        batch=10,
        accumulate=5,
        learning_rate=1e-4,
        optimiser="adamw",
        clip=1e3,
        width=512,
        crop_seconds=8.0,
    )

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            rows = read_manifest(data, ["speaker"])
            splits = {split: [row.example(row.cells["speaker"]) for row in listed] for split, listed in rows.items()}
            trials = {split: make_trials(splits[split]) for split in ("dev", "test")}
        else:
            splits, listed = _voxceleb(data)
            trials = {"dev": make_trials(splits["dev"]), "test": listed}
        return [Corpus.of(splits, labels=labels_of(splits["train"]), trials=trials)]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_speakers_apart(corpus, source)
        check_classes(Corpus(corpus.train, [], []), source)
        for split, trials in corpus.trials.items():
            if len({same for _, _, same in trials}) < 2:
                raise DataError(f"{source}: {split} needs pairs of one speaker and pairs of two, to verify")

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return XVector(dim, recipe.width, len(corpus.labels))

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        assert isinstance(head, XVector)
        index = {label: i for i, label in enumerate(corpus.labels)}
        return head.loss(output, torch.tensor([index[e.target] for e in batch.examples], device=output.device))

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        return list(F.normalize(output).cpu().numpy())

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        return np.array([[float(said[a] @ said[b]), same] for a, b, same in corpus.trials[split]], float)

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        return {"eer": 100.0 * equal_error_rate(outcomes[:, 0], outcomes[:, 1] > 0.5)}


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Where as many impostors pass as true speakers fail, between the points of scikit-learn's ROC curve; NaN if one
    kind of pair is missing."""
    from sklearn.metrics import roc_curve

    if same.all() or not same.any():
        return float("nan")
    passed, found, _ = roc_curve(same, scores, drop_intermediate=False)
    difference = passed - (1 - found)
    after = int(np.argmax(difference >= 0))
    if after == 0:
        return float(passed[0])
    share = -difference[after - 1] / (difference[after] - difference[after - 1])
    return float(passed[after - 1] + share * (passed[after] - passed[after - 1]))


def make_trials(examples: Sequence[Example], most: int = TRIALS) -> list[tuple[str, str, bool]]:
    """Pairs of examples by key, up to half `most` of one speaker and as many of two; always the same ones."""
    rng = np.random.default_rng(0)
    keys = [example.clip.name for example in examples]
    speakers = np.array([str(example.speaker) for example in examples])
    same: list[tuple[str, str, bool]] = []
    different: list[tuple[str, str, bool]] = []
    first, second = np.triu_indices(len(keys), 1)
    if len(first) > 50 * most:  # all pairs of many recordings would not fit; a sample of them has enough of both
        chosen = rng.choice(len(first), 50 * most, replace=False)
        first, second = first[chosen], second[chosen]
    alike = speakers[first] == speakers[second]
    for kind, into in ((alike, same), (~alike, different)):
        found = np.flatnonzero(kind)
        for i in sorted(rng.permutation(found)[: most // 2].tolist()):
            into.append((keys[first[i]], keys[second[i]], bool(alike[i])))
    return same + different


def _voxceleb(data: Path) -> tuple[dict[str, list[Example]], list[tuple[str, str, bool]]]:
    trials = []
    for number, line in enumerate(wanted_lines(data / LIST, VOXCELEB1), 1):
        fields = line.split()
        if len(fields) != 3 or fields[0] not in {"0", "1"}:
            raise DataError(f"{data / LIST}, line {number}: {line!r} is not '1|0 RECORDING RECORDING'")
        trials.append((fields[1], fields[2], fields[0] == "1"))
    tested = sorted({name for a, b, _ in trials for name in (a, b)})
    test = [_example(data, name) for name in tested]
    held_out = {example.speaker for example in test}
    root = wanted_folder(data / "dev" / "wav", VOXCELEB1)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.wav"))
    examples = [example for name in names if (example := _example(data, name)).speaker not in held_out]
    speakers = sorted({str(example.speaker) for example in examples})
    if len(speakers) < 4:
        raise DataError(f"{root}: {len(speakers)} speakers outside {LIST} are too few: {some(speakers)}")
    # Every so manieth speaker, two at least, since pairs of two speakers are needed.
    dev = set(speakers[:: max(2, min(round(1 / DEV_SHARE), len(speakers) // 2))])
    splits = {
        "train": [e for e in examples if e.speaker not in dev],
        "dev": [e for e in examples if e.speaker in dev],
        "test": test,
    }
    return splits, trials


def _example(data: Path, name: str) -> Example:
    speaker = name.split("/")[0]
    return Example(Clip(name, voxceleb_path(data, name)), speaker, speaker)
