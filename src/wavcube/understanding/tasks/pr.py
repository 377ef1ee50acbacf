"""Phoneme recognition: the spoken phones (LibriSpeech train-clean-100 and a lexicon; phone error rate)."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wavcube.errors import DataError
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_splits, some
from wavcube.understanding.corpora.official import LEXICON, LIBRISPEECH, opened_text
from wavcube.understanding.corpora.transcribed import read_transcribed
from wavcube.understanding.ctc import CTCTask, check_texts, errors, token_set
from wavcube.understanding.heads import FrameLinear
from wavcube.understanding.task import Measure

LEXICON_NAMES = (
    "librispeech-lexicon.txt",
    "librispeech-lexicon-200k-g2p.txt",
    "librispeech-lexicon-allothers-g2p.txt",
)
"""Looked for in the data folder; s3prl ships the second and third, which together cover LibriSpeech."""


class PhonemeRecognition(CTCTask):
    """LibriSpeech, or a manifest with a column `transcript`; words become phones by a lexicon.

    The lexicon is LibriSpeech's or CMUdict's format, a word and its phones on each line, of which the first
    pronunciation counts. Stress marks are kept, as in SUPERB.
    """

    name = "pr"
    title = "Phoneme recognition"
    official = LIBRISPEECH
    measures = (Measure("per", "PER", "%", False),)
    recipe = ProbeConfig(steps=100_000, batch=16, accumulate=2, learning_rate=1e-2, bucket=True)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        words = read_transcribed(data)
        files = [Path(name) for name in recipe.lexicon.split(",") if name] or [
            file for name in LEXICON_NAMES if (file := (data if data.is_dir() else data.parent) / name).is_file()
        ]
        if not files:
            where = data if data.is_dir() else data.parent
            raise DataError(f"{LEXICON.missing(where / LEXICON_NAMES[0])}, or name one of your own: lexicon=FILE")
        lexicon = read_lexicon(files)
        unknown = sorted({word for split in words.values() for e in split for word in e.target.split()} - set(lexicon))
        if unknown:
            raise DataError(
                f"{', '.join(map(str, files))}: {len(unknown)} words of {data} are not in the lexicon: "
                f"{some(unknown, 8)}; add them to a file of your own and name both: lexicon=A,B"
            )
        splits = {
            split: [Example(e.clip, _phones(e.target, lexicon), e.speaker) for e in examples]
            for split, examples in words.items()
        }
        return [Corpus.of(splits, labels=token_set(e.target for e in splits["train"]))]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        check_texts(corpus, source)

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return FrameLinear(dim, recipe.width, len(corpus.labels))

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        return np.array([errors(e.target, said[e.clip.name]) for e in corpus.splits[split]], float)

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        wrong, phones = outcomes.sum(0)
        return {"per": 100.0 * wrong / phones}


def read_lexicon(files: list[Path]) -> dict[str, tuple[str, ...]]:
    """Word in capitals -> phones; the first pronunciation in the first file that has the word.

    Raises:
        DataError: a file is not there, or is no lexicon.
    """
    lexicon: dict[str, tuple[str, ...]] = {}
    for file in files:
        if not file.is_file():
            raise LEXICON.missing(file)
        with opened_text(file) as lines:
            for number, line in enumerate(lines, 1):
                entry = line.split("#")[0].split()
                if not entry or line.startswith(";;;"):
                    continue
                if len(entry) < 2:
                    raise DataError(f"{file}, line {number}: {line.strip()!r} is not a word with its phones")
                word = re.sub(r"\(\d+\)$", "", entry[0]).upper()  # CMUdict numbers further pronunciations
                lexicon.setdefault(word, tuple(entry[1:]))
    return lexicon


def _phones(text: str, lexicon: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(phone for word in text.split() for phone in lexicon[word])
