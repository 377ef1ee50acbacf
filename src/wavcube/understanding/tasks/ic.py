"""Intent classification: action, object and location of a command, all three right (Fluent Speech Commands)."""

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_classes, check_splits
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import FLUENT, wanted_lines
from wavcube.understanding.heads import PooledLinear
from wavcube.understanding.task import PooledTask
from wavcube.understanding.training.batches import Batch

SLOTS = ("action", "object", "location")
FILES = {"train": "train_data.csv", "dev": "valid_data.csv", "test": "test_data.csv"}


class IntentClassification(PooledTask):
    """Fluent Speech Commands, or a manifest with a column `slot_NAME` for each slot."""

    name = "ic"
    title = "Intent classification"
    official = FLUENT
    recipe = ProbeConfig(steps=200_000, batch=32, learning_rate=1e-4)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            rows = read_manifest(data, [])
            columns = rows["train"][0].cells if rows["train"] else ()
            slots = [name for name in columns if name.startswith("slot_")]
            if not slots:
                raise DataError(f"{data}: no column slot_NAME; intents are made of such")
            splits = {
                split: [row.example(tuple(row.cells[slot] for slot in slots)) for row in listed]
                for split, listed in rows.items()
            }
        else:
            splits = {split: _fluent(data, data / "data" / name) for split, name in FILES.items()}
        # One group of classes a slot: [[actions], [objects], [locations]].
        groups = [sorted(set(values)) for values in zip(*(e.target for e in splits["train"]), strict=True)]
        return [Corpus.of(splits, labels=groups)]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        for slot, classes in enumerate(corpus.labels):
            if len(classes) > 1:
                check_classes(corpus, source, partial(_class_of_slot, slot=slot))

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return PooledLinear(dim, recipe.width, sum(len(group) for group in corpus.labels))

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        losses = []
        for slot, (group, scores) in enumerate(_groups(output, corpus)):
            targets = torch.tensor([group.index(e.target[slot]) for e in batch.examples], device=output.device)
            losses.append(nn.functional.cross_entropy(scores, targets))
        return torch.stack(losses).sum()

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> list[Any]:
        said = [[group[i] for i in scores.argmax(1).tolist()] for group, scores in _groups(output, corpus)]
        return list(zip(*said, strict=True))

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        return np.array([[said[e.clip.name] == e.target] for e in corpus.splits[split]], float)


def _groups(output: Tensor, corpus: Corpus) -> list[tuple[list[str], Tensor]]:
    """Classes of each slot with their scores [B, classes]."""
    sizes = [len(group) for group in corpus.labels]
    return list(zip(corpus.labels, output.split(sizes, 1), strict=True))


def _class_of_slot(example: Example, slot: int) -> str:
    return f"{example.target[slot]} (slot {slot + 1})"


def _fluent(data: Path, table: Path) -> list[Example]:
    reader = csv.DictReader(wanted_lines(table, FLUENT))
    lacking = [name for name in ("path", "speakerId", *SLOTS) if name not in (reader.fieldnames or [])]
    if lacking:
        raise DataError(f"{table}: no column {', '.join(lacking)}; {FLUENT.name} has them")
    examples = [
        Example(Clip(row["path"], data / row["path"]), tuple(row[slot] for slot in SLOTS), row["speakerId"])
        for row in reader
        if row["path"]
    ]
    return examples
