"""Emotion recognition: neutral, happy, sad or angry (IEMOCAP, five folds by session; mean accuracy)."""

import re
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_classes, check_speakers_apart, check_splits
from wavcube.understanding.corpora.manifest import is_manifest, read_manifest
from wavcube.understanding.corpora.official import IEMOCAP, wanted_folder, wanted_lines
from wavcube.understanding.task import PooledTask, labels_of

CLASSES = {"neu": "neutral", "hap": "happy", "exc": "happy", "sad": "sad", "ang": "angry"}
"""Excitement counts as happiness; all other emotions are left out."""

DEV_SHARE = 0.2
LINE = re.compile(r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(\S+)\s+(\w+)\s")


class EmotionRecognition(PooledTask):
    """IEMOCAP, each session once the test set; or a manifest with a column `emotion`."""

    name = "er"
    title = "Emotion recognition"
    official = IEMOCAP
    recipe = ProbeConfig(steps=30_000, batch=4, accumulate=8, learning_rate=1e-4)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            rows = read_manifest(data, ["emotion"])
            splits = {split: [row.example(row.cells["emotion"]) for row in listed] for split, listed in rows.items()}
            return [Corpus.of(splits, labels=labels_of(splits["train"]))]
        sessions = [_session(wanted_folder(data / f"Session{number}", IEMOCAP)) for number in range(1, 6)]
        return [_fold(sessions, test) for test in range(5)]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_classes(corpus, source)
        if corpus.name:  # dev is part of the training sessions by the protocol: only test is of other speakers
            check_speakers_apart(Corpus(corpus.train, [], corpus.test, name=corpus.name), source)


def _fold(sessions: list[list[Example]], test: int) -> Corpus:
    rest = [example for number, session in enumerate(sessions) if number != test for example in session]
    order = np.random.default_rng(test).permutation(len(rest))
    dev = set(order[: round(DEV_SHARE * len(rest))].tolist())
    train = [example for i, example in enumerate(rest) if i not in dev]
    labels = labels_of(train)
    return Corpus(train, [rest[i] for i in sorted(dev)], sessions[test], labels, f"fold {test + 1}")


def _session(folder: Path) -> list[Example]:
    tables = sorted(wanted_folder(folder / "dialog" / "EmoEvaluation", IEMOCAP).glob("*.txt"))
    examples = []
    for table in tables:
        for line in wanted_lines(table, IEMOCAP):
            found = LINE.match(line)
            if found and found[2] in CLASSES:
                turn = found[1]
                # A turn Ses01F_impro01_M003 is of dialogue Ses01F_impro01, spoken by the man of session 1.
                dialogue = turn.rsplit("_", 1)[0]
                path = folder / "sentences" / "wav" / dialogue / f"{turn}.wav"
                speaker = f"{turn[:5]}{turn.rsplit('_', 1)[1][0]}"
                examples.append(Example(Clip(turn, path), CLASSES[found[2]], speaker))
    if not examples:
        raise DataError(f"{folder / 'dialog' / 'EmoEvaluation'}: no turn with one of {', '.join(CLASSES)}")
    return examples
