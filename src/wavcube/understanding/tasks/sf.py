"""Slot filling: words and their slots, by characters and slot marks (Audio SNIPS; slot-type F1, slot-value CER)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from wavcube.data.clip import Clip
from wavcube.data.text_normalizers import librispeech_spelling
from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_speakers_apart, check_splits, some
from wavcube.understanding.corpora.official import SNIPS, wanted_folder, wanted_lines
from wavcube.understanding.ctc import CTCTask, check_texts, errors, greedy, token_set
from wavcube.understanding.heads import Recurrent
from wavcube.understanding.task import Measure
from wavcube.understanding.training.batches import Batch

VOICES = {
    "train": ("Ivy", "Joanna", "Joey", "Justin", "Kendra", "Kimberly", "Matthew", "Salli"),
    "dev": ("Aditi", "Amy", "Geraint", "Nicole"),
    "test": ("Brian", "Emma", "Raveena", "Russell"),
}
FOLDERS = {"train": "train", "dev": "valid", "test": "test"}
TABLE = "all.iob.snips.txt"


class SlotFilling(CTCTask):
    """Audio SNIPS. A target is a tuple of tokens: characters, and marks `B-slot` and `E-slot` around each value."""

    name = "sf"
    title = "Slot filling"
    official = SNIPS
    measures = (Measure("slot_f1", "F1", "%", True), Measure("slot_cer", "CER", "%", False))
    recipe = ProbeConfig(
        steps=200_000,
        batch=32,
        learning_rate=1e-4,
        width=1024,
        depth=2,
        dropout=0.2,
        bucket=True,
        specaugment="published",
    )

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        marked = read_slots(data / TABLE)
        splits = {split: _voices(wanted_folder(data / name, SNIPS), split, marked) for split, name in FOLDERS.items()}
        return [Corpus.of(splits, labels=token_set(e.target for e in splits["train"]))]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_texts(corpus, source)
        check_speakers_apart(corpus, source)
        for split in ("dev", "test"):
            unknown = {slot for e in corpus.splits[split] for slot, _ in slots(e.target)} - {
                token[2:] for token in corpus.labels if token.startswith("B-")
            }
            if unknown:
                raise DataError(f"{source}: {split} has slots that train has not: {some(sorted(unknown))}")

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return Recurrent(dim, recipe.width, recipe.depth, recipe.dropout, len(corpus.labels))

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        return greedy(output, batch.lengths, corpus.labels)

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        return np.array([judge_slots(e.target, said[e.clip.name]) for e in corpus.splits[split]], float)

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        wrong, characters = outcomes[:, 1:].sum(0)
        cer = 100.0 * wrong / characters if characters else 0.0
        return {"slot_f1": 100.0 * float(outcomes[:, 0].mean()), "slot_cer": cer}


def slots(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Slots with their values: each mark `B-slot` up to the next `E-slot` of the same slot."""
    found = []
    for i, token in enumerate(tokens):
        if len(token) > 1 and token.startswith("B-"):
            end = next((j for j in range(i + 1, len(tokens)) if tokens[j] == f"E-{token[2:]}"), None)
            if end is not None:
                value = "".join(t for t in tokens[i + 1 : end] if len(t) == 1)
                found.append((token[2:], " ".join(value.split())))
    return found


def judge_slots(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[float, int, int]:
    """One utterance: F1 of the slot types, and errors and characters of the slot values.

    As SUPERB counts: F1 is over the sets of types (1 where neither has any) and is averaged over utterances; a value is
    compared with the nearest hypothesised value of the same type, with nothing where there is none.
    """
    truth, said = slots(reference), slots(hypothesis)
    types, said_types = {slot for slot, _ in truth}, {slot for slot, _ in said}
    f1 = 2 * len(types & said_types) / (len(types) + len(said_types)) if types or said_types else 1.0
    wrong = total = 0
    for slot, value in truth:
        written = value.replace(" ", "|")
        candidates = [errors(written, other.replace(" ", "|")) for s, other in said if s == slot]
        distance, count = min(candidates, default=(len(written), len(written)))
        wrong, total = wrong + distance, total + count
    return f1, wrong, total


def read_slots(table: Path) -> dict[str, tuple[str, ...]]:
    """VOICE-snips-SPLIT-NUMBER -> tokens, from lines `NAME BOS words EOS<tab>O tags intent`.

    Raises:
        DataError: not there, or a line of another form.
    """
    marked = {}
    for number, line in enumerate(wanted_lines(table, SNIPS), 1):
        text, tab, tags = line.strip().partition("\t")
        name, *words = text.split()
        words, slot_tags = words[1:-1], tags.split()[1:-1]
        if not tab or len(words) != len(slot_tags):
            raise DataError(f"{table}, line {number}: not 'NAME BOS words EOS<tab>O tags intent' with a tag a word")
        marked[name] = _tokens(words, slot_tags)
    return marked


def _tokens(words: Sequence[str], tags: Sequence[str]) -> tuple[str, ...]:
    tokens: list[str] = []
    open_slot = ""
    for word, tag in zip(words, tags, strict=True):
        slot = tag[2:] if tag != "O" else ""
        goes_on = tag.startswith("I-") and slot == open_slot
        if open_slot and not goes_on:
            tokens.append(f"E-{open_slot}")
        # A mark stands for the space, so that the two never compete for one frame.
        if slot and not goes_on:
            tokens.append(f"B-{slot}")
        elif tokens and (goes_on or not open_slot):
            tokens.append(" ")
        tokens += librispeech_spelling(word)
        open_slot = slot
    if open_slot:
        tokens.append(f"E-{open_slot}")
    return tuple(tokens)


def _voices(folder: Path, split: str, marked: dict[str, tuple[str, ...]]) -> list[Example]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".wav", ".mp3"})
    paths = [path for path in paths if path.stem.split("-")[0] in VOICES[split]]
    without = [path.name for path in paths if path.stem not in marked]
    if without:
        raise DataError(f"{folder}: {len(without)} recordings are not in {TABLE}: {some(without)}")
    return [Example(Clip(f"{split}/{path.stem}", path), marked[path.stem], path.stem.split("-")[0]) for path in paths]
