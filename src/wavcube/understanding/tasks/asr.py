"""Speech recognition: the words, by characters (LibriSpeech train-clean-100; word error rate)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, check_splits
from wavcube.understanding.corpora.official import LIBRISPEECH
from wavcube.understanding.corpora.transcribed import read_transcribed
from wavcube.understanding.ctc import CTCTask, check_texts, errors, greedy, token_set
from wavcube.understanding.heads import Recurrent
from wavcube.understanding.task import Measure
from wavcube.understanding.training.batches import Batch


class SpeechRecognition(CTCTask):
    """LibriSpeech, or a manifest with a column `transcript`; greedy decoding."""

    name = "asr"
    title = "Speech recognition"
    official = LIBRISPEECH
    measures = (Measure("wer", "WER", "%", False), Measure("cer", "CER", "%", False))
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
        splits = read_transcribed(data)
        return [Corpus.of(splits, labels=token_set(e.target for e in splits["train"]))]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_texts(corpus, source)

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return Recurrent(dim, recipe.width, recipe.depth, recipe.dropout, len(corpus.labels))

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        return [" ".join("".join(read).split()) for read in greedy(output, batch.lengths, corpus.labels)]

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        rows = []
        for example in corpus.splits[split]:
            reference, hypothesis = example.target, said[example.clip.name]
            # Characters with spaces made visible: jiwer's words are then our characters.
            characters = errors(reference.replace(" ", "|"), hypothesis.replace(" ", "|"))
            rows.append([*errors(reference.split(), hypothesis.split()), *characters])
        return np.array(rows, float)

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        wrong_words, words, wrong_characters, characters = outcomes.sum(0)
        return {"wer": 100.0 * wrong_words / words, "cer": 100.0 * wrong_characters / characters}
