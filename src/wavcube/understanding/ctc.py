"""Connectionist temporal classification: tokens, loss, greedy reading."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, some
from wavcube.understanding.task import ProbeTask
from wavcube.understanding.training.batches import Batch

BLANK = "<blank>"
"""Output 0 of every head here."""


def token_set(sequences: Iterable[Sequence[str]]) -> list[str]:
    """Blank, then all tokens that occur, sorted."""
    return [BLANK, *sorted({token for sequence in sequences for token in sequence})]


def greedy(scores: Tensor, lengths: Tensor, tokens: Sequence[str]) -> list[list[str]]:
    """The best token at every frame of [B, T, V], repetitions and blanks taken out."""
    best = scores.argmax(-1).cpu().numpy()
    read = []
    for row, length in zip(best, lengths.tolist(), strict=True):
        row = row[:length]
        kept = row[np.concatenate([[True], row[1:] != row[:-1]])] if length else row
        read.append([tokens[i] for i in kept if i != 0])
    return read


def errors(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, int]:
    """Substitutions, deletions and insertions (jiwer's alignment), and the tokens of the reference."""
    import jiwer

    if not reference:
        return len(hypothesis), 0
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return found.substitutions + found.deletions + found.insertions, len(reference)


class CTCTask(ProbeTask):
    """A task that reads a sequence of tokens; `corpus.labels` are the tokens, blank first."""

    packages = ("jiwer",)

    def tokens(self, target: Any) -> list[str]:
        """The token sequence of an example's target."""
        return list(target)

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        index = {token: i for i, token in enumerate(corpus.labels)}
        targets = [torch.tensor([index[token] for token in self.tokens(e.target)]) for e in batch.examples]
        return nn.functional.ctc_loss(
            output.log_softmax(-1).transpose(0, 1),
            torch.cat(targets).to(output.device),
            batch.lengths,
            torch.tensor([len(target) for target in targets], device=output.device),
            zero_infinity=True,  # a text that is longer than its recording has frames teaches nothing
        )

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        return greedy(output, batch.lengths, corpus.labels)


def check_texts(corpus: Corpus, source: object) -> None:
    """Refuse examples without text.

    Raises:
        DataError: which.
    """
    for split, examples in corpus.splits.items():
        silent = [example.clip.name for example in examples if not example.target]
        if silent:
            raise DataError(f"{source}: {len(silent)} recordings of {split} have no transcript: {some(silent)}")
