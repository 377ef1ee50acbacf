"""An n-gram model of words in ARPA format, and the beam search that reads CTC outputs with it."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.errors import DataError
from wavcube.understanding.corpora.official import opened_text

LOG10 = math.log(10.0)


class LanguageModel:
    """A back-off n-gram model of words.

    Raises:
        DataError: the file is not there, or is no ARPA file.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DataError(
                f"{file}: no such language model; LibriSpeech's are at https://www.openslr.org/11 (public domain)"
            )
        self.order = 0
        self._scores: dict[tuple[str, ...], tuple[float, float]] = {}
        with opened_text(file) as lines:
            for line in lines:
                line = line.strip()
                if line.startswith("\\") and line.endswith("-grams:"):
                    self.order = int(line[1:].split("-")[0])
                elif self.order and line and not line.startswith("\\"):
                    self._add(line.split("\t") if "\t" in line else line.split(), file)
        if not self._scores:
            raise DataError(f"{file}: is no n-gram model in ARPA format")

    def _add(self, fields: list[str], file: Path) -> None:
        words = tuple(fields[1].split()) if len(fields) <= 3 and " " in fields[1] else tuple(fields[1 : 1 + self.order])
        backoff = fields[-1] if len(fields) > (2 if " " in fields[1] else 1 + self.order) else "0"
        try:
            self._scores[words] = (float(fields[0]), float(backoff))
        except ValueError as error:
            raise DataError(f"{file}: {' '.join(fields)!r} is no line of an ARPA file") from error

    def score(self, history: tuple[str, ...], word: str) -> float:
        """Natural logarithm of the probability of a word after others; unknown words score as <unk>, or -10 (log10)."""
        if (word,) not in self._scores:
            word = "<unk>"
            if (word,) not in self._scores:
                return -10.0 * LOG10
        history = history[len(history) - self.order + 1 :] if self.order > 1 else ()
        backoff = 0.0
        while True:
            found = self._scores.get((*history, word))
            if found is not None:
                return (found[0] + backoff) * LOG10
            backoff += self._scores.get(history, (0.0, 0.0))[1]
            history = history[1:]


def beam_search(
    scores: np.ndarray,
    tokens: Sequence[str],
    model: LanguageModel,
    beam: int = 25,
    weight: float = 0.5,
    bonus: float = 1.0,
) -> str:
    """The best text under CTC and a word model together (prefix beam search, Hannun et al. 2014).

    Args:
        scores: log-probabilities [T, V]; token 0 is blank, one token is the space between words.
        tokens: what the outputs stand for.
        model: of words.
        beam: prefixes that are kept.
        weight: of the model's log-probabilities.
        bonus: log-probability given for every word, against the model's liking for few.
    """
    space = tokens.index(" ") if " " in tokens else -1
    beams: dict[tuple[int, ...], tuple[float, float, float]] = {(): (0.0, -math.inf, 0.0)}
    for frame in scores:
        likely = [int(i) for i in np.argsort(frame)[-12:] if i != 0]
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf, 0.0])
        for prefix, (blank, token, words) in beams.items():
            total = np.logaddexp(blank, token)
            _merge(grown[prefix], 0, total + frame[0], words)
            for i in likely:
                longer = (*prefix, i)
                gained = words
                if i == space:
                    gained += _gain(prefix, tokens, space, model, weight, bonus)
                if prefix and prefix[-1] == i:
                    _merge(grown[prefix], 1, token + frame[i], words)
                    _merge(grown[longer], 1, blank + frame[i], gained)
                else:
                    _merge(grown[longer], 1, total + frame[i], gained)
        ranked = sorted(grown.items(), key=lambda item: -(np.logaddexp(item[1][0], item[1][1]) + item[1][2]))
        beams = {prefix: (values[0], values[1], values[2]) for prefix, values in ranked[:beam]}
    # The last word has no space after it, but counts too.
    best = max(
        beams.items(),
        key=lambda item: (
            np.logaddexp(item[1][0], item[1][1]) + item[1][2] + _gain(item[0], tokens, space, model, weight, bonus)
        ),
    )[0]
    return " ".join("".join(tokens[i] for i in best).split())


def _merge(entry: list[float], place: int, score: float, words: float) -> None:
    entry[place] = float(np.logaddexp(entry[place], score))
    entry[2] = words


def _gain(
    prefix: tuple[int, ...], tokens: Sequence[str], space: int, model: LanguageModel, weight: float, bonus: float
) -> float:
    """What the last word of a prefix adds; nothing if there is none."""
    if not prefix or prefix[-1] == space:
        return 0.0
    words = "".join(tokens[i] for i in prefix).split()
    return weight * model.score(("<s>", *words[:-1]), words[-1]) + bonus
