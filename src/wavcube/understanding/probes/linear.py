"""Two linear probes of frozen frames: which characters are spoken, and who speaks.

They ask what a representation holds in a form that needs no further network, so that models of a minute's training
can be compared; SUPERB's tasks beside them, with their larger heads and corpora, ask for more. Frames are standardised
by the training split. The learning rate is the best of a small fixed grid on dev; test is measured once.

    characters   one linear layer on every frame, CTC; character error rate
    speakers     one linear layer on a recording's mean frame; accuracy
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.ctc import errors, greedy, token_set
from wavcube.understanding.intervals import bootstrap
from wavcube.understanding.results import Estimate


class FrameSource(Protocol):
    """Frames [T, C] by the key of a clip, as a `FrameCache` gives them."""

    def __getitem__(self, key: str, /) -> np.ndarray: ...


CHARACTER_RATES = (1e-3, 3e-3, 1e-2)
SPEAKER_RATES = (1e-3, 1e-2)


@dataclass(frozen=True)
class ProbeSettings:
    """How long the heads train.

    Attributes:
        character_steps, character_batch: of the character probe.
        speaker_steps: of the speaker probe, on all recordings at once.
        seeds: trainings of each probe; figures are their means.
    """

    character_steps: int = 1500
    character_batch: int = 16
    speaker_steps: int = 500
    seeds: tuple[int, ...] = (0, 1, 2)


STANDARD = ProbeSettings()


@dataclass
class ProbeResult:
    """A probe of one representation.

    Attributes:
        name: "characters" or "speakers".
        estimate: the error rate or accuracy on test, mean over seeds, with a 95 % interval over recordings.
        by_seed: the same value of each seed.
        learning_rate: the one that dev chose, for each seed.
        dev: dev's value at that rate, for each seed.
        recordings: of each split.
    """

    name: str
    estimate: Estimate
    by_seed: list[float]
    learning_rate: list[float]
    dev: list[float]
    recordings: dict[str, int] = field(default_factory=dict)


def character_probe(
    frames: FrameSource, corpus: Corpus, settings: ProbeSettings = STANDARD, device: str = "cpu"
) -> ProbeResult:
    """Train and evaluate a linear CTC head; the target of an example is its text.

    Raises:
        DataError: a split is empty, or a text has a character that training never shows.
    """
    _check(corpus)
    tokens = token_set(example.target for example in corpus.train)
    unknown = {c for split in (corpus.dev, corpus.test) for e in split for c in e.target} - set(tokens)
    if unknown:
        raise DataError(f"characters {sorted(unknown)} of dev or test never occur in the training texts")
    scale = Standardiser.of(frames, corpus.train, device)
    runs = []
    for seed in settings.seeds:
        tried = []
        for rate in CHARACTER_RATES:
            head = _train_characters(frames, corpus.train, tokens, scale, rate, seed, settings, device)
            dev = _character_errors(head, frames, corpus.dev, tokens, scale, device)
            tried.append((_rate(dev), rate, head))
        best_dev, rate, head = min(tried, key=lambda t: t[:2])
        runs.append((best_dev, rate, _character_errors(head, frames, corpus.test, tokens, scale, device)))
    return _result("characters", runs, _rate, corpus)


def speaker_probe(
    frames: FrameSource, corpus: Corpus, settings: ProbeSettings = STANDARD, device: str = "cpu"
) -> ProbeResult:
    """Train and evaluate a linear head on mean frames; the target of an example is its speaker.

    Raises:
        DataError: a split is empty, or dev or test has a speaker that training never shows.
    """
    _check(corpus)
    speakers = sorted({example.target for example in corpus.train})
    unknown = {e.target for split in (corpus.dev, corpus.test) for e in split} - set(speakers)
    if unknown:
        raise DataError(f"speakers {sorted(unknown)[:3]} of dev or test have no recording in training")
    means = {name: _mean_frames(frames, split, device) for name, split in corpus.splits.items()}
    labels = {
        name: torch.tensor([speakers.index(e.target) for e in split], device=device)
        for name, split in corpus.splits.items()
    }
    mean, std = means["train"].mean(0), means["train"].std(0).clamp_min(1e-5)
    inputs = {name: (values - mean) / std for name, values in means.items()}

    def correct(head: nn.Module, split: str) -> np.ndarray:
        with torch.no_grad():
            return (head(inputs[split]).argmax(-1) == labels[split]).float().cpu().numpy()[:, None]

    runs = []
    for seed in settings.seeds:
        tried = []
        for rate in SPEAKER_RATES:
            torch.manual_seed(seed)
            head = nn.Linear(inputs["train"].shape[1], len(speakers)).to(device)
            optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.01)
            for _ in range(settings.speaker_steps):
                loss = F.cross_entropy(head(inputs["train"]), labels["train"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            tried.append((-float(correct(head, "dev").mean()), rate, head))
        best_dev, rate, head = min(tried, key=lambda t: t[:2])
        runs.append((-best_dev, rate, correct(head, "test")))
    return _result("speakers", runs, lambda outcomes: float(outcomes.mean()), corpus)


@dataclass(frozen=True)
class Standardiser:
    """Mean and standard deviation [C] of the training frames."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, frames: FrameSource, examples: Sequence[Example], device: str) -> "Standardiser":
        count, total, squares = 0, 0.0, 0.0
        for example in examples:
            values = np.asarray(frames[example.clip.name], np.float64)
            count, total, squares = count + len(values), total + values.sum(0), squares + np.square(values).sum(0)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), 1e-10))
        return cls(*(torch.tensor(v, dtype=torch.float32, device=device) for v in (mean, std)))

    def batch(self, frames: FrameSource, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Standardised frames [B, T, C], zeros beyond an item's end, and valid frames [B]."""
        device = self.mean.device
        items = [torch.tensor(np.asarray(frames[e.clip.name], np.float32), device=device) for e in examples]
        lengths = torch.tensor([len(item) for item in items])
        return pad_sequence([(item - self.mean) / self.std for item in items], batch_first=True), lengths


def _train_characters(
    frames: FrameSource,
    examples: Sequence[Example],
    tokens: Sequence[str],
    scale: Standardiser,
    learning_rate: float,
    seed: int,
    settings: ProbeSettings,
    device: str,
) -> nn.Linear:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    index = {token: i for i, token in enumerate(tokens)}
    texts = [torch.tensor([index[c] for c in example.target]) for example in examples]
    head = nn.Linear(len(scale.mean), len(tokens)).to(device)
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.character_steps)
    for _ in range(settings.character_steps):
        drawn = random.integers(len(examples), size=settings.character_batch)
        values, lengths = scale.batch(frames, [examples[i] for i in drawn])
        loss = F.ctc_loss(
            head(values).log_softmax(-1).transpose(0, 1),
            torch.cat([texts[i] for i in drawn]).to(device),
            lengths,
            torch.tensor([len(texts[i]) for i in drawn]),
            zero_infinity=True,  # a text with more characters than its recording has frames teaches nothing
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head


@torch.no_grad()
def _character_errors(
    head: nn.Linear,
    frames: FrameSource,
    examples: Sequence[Example],
    tokens: Sequence[str],
    scale: Standardiser,
    device: str,
) -> np.ndarray:
    """Errors and characters of each recording, [N, 2]."""
    counts = []
    for start in range(0, len(examples), 32):
        part = examples[start : start + 32]
        values, lengths = scale.batch(frames, part)
        for example, read in zip(part, greedy(head(values), lengths.to(device), tokens), strict=True):
            # The alignment is one of words; a space needs a sign of its own.
            counts.append(errors(_spelt(example.target), _spelt(read)))
    return np.array(counts, np.float64)


def _spelt(text: Sequence[str]) -> list[str]:
    return ["_" if character == " " else character for character in text]


def _rate(outcomes: np.ndarray) -> float:
    return float(outcomes[:, 0].sum() / max(1.0, outcomes[:, 1].sum()))


@torch.no_grad()
def _mean_frames(frames: FrameSource, examples: Sequence[Example], device: str) -> Tensor:
    """[N, C], the mean frame of every recording."""
    means = [np.asarray(frames[example.clip.name], np.float32).mean(0) for example in examples]
    return torch.tensor(np.stack(means), device=device)


def _result(
    name: str,
    runs: Sequence[tuple[float, float, np.ndarray]],
    measure: Callable[[np.ndarray], float],
    corpus: Corpus,
) -> ProbeResult:
    outcomes = [run[2] for run in runs]
    by_seed = [measure(outcome) for outcome in outcomes]
    low, high = bootstrap(lambda drawn: {name: measure(drawn)}, outcomes)[name]
    return ProbeResult(
        name,
        Estimate(float(np.mean(by_seed)), low, high),
        by_seed,
        [run[1] for run in runs],
        [run[0] for run in runs],
        {split: len(examples) for split, examples in corpus.splits.items()},
    )


def _check(corpus: Corpus) -> None:
    for name, examples in corpus.splits.items():
        if not examples:
            raise DataError(f"the probe's {name} split is empty")
