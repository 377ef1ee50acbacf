"""The character probe: one linear layer on every standardised frame, trained with CTC; character error rate.

The learning rate is the best of a small fixed grid on dev; test is measured once. The heads of all learning rates and
seeds train side by side: a step costs little more for nine of them than for one, and each draws what it would alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.bucketing import batches_by_length
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.ctc import errors, greedy, token_set
from wavcube.understanding.probes.ctc_loss import ctc_loss
from wavcube.understanding.probes.probe import (
    STANDARD,
    FrameSource,
    ProbeResult,
    ProbeSettings,
    Progress,
    check_splits,
    summarise,
)

LEARNING_RATES = (1e-3, 3e-3, 1e-2)

KEPT_BYTES = 1 << 30
"""Of standardised frames in memory; what is beyond is standardised anew each time that it is drawn."""


def character_probe(
    frames: FrameSource,
    corpus: Corpus,
    settings: ProbeSettings = STANDARD,
    device: str = "cpu",
    progress: Progress | None = None,
) -> ProbeResult:
    """Train and evaluate a linear CTC head; the target of an example is its text.

    Raises:
        DataError: a split is empty, or a text has a character that training never shows.
    """
    check_splits(corpus)
    tokens = token_set(example.target for example in corpus.train)
    unknown = {c for split in (corpus.dev, corpus.test) for e in split for c in e.target} - set(tokens)
    if unknown:
        raise DataError(f"characters {sorted(unknown)} of dev or test never occur in the training texts")
    standardised = StandardisedFrames(frames, corpus.train, device)
    heads = train_heads(standardised, corpus.train, tokens, settings, device, progress)
    runs = []
    for of_seed in heads:
        tried = []
        for rate, head in zip(LEARNING_RATES, of_seed, strict=True):
            tried.append((_rate(_character_errors(head, standardised, corpus.dev, tokens)), rate, head))
        best_dev, rate, head = min(tried, key=lambda t: t[:2])
        runs.append((best_dev, rate, _character_errors(head, standardised, corpus.test, tokens)))
    return summarise("characters", runs, _rate, corpus)


class StandardisedFrames:
    """Frames less the mean of the training frames, over their standard deviation; kept in memory as far as they fit."""

    def __init__(self, frames: FrameSource, training: Sequence[Example], device: str) -> None:
        self.frames, self.device = frames, device
        count, total, squares = 0, 0.0, 0.0
        for example in training:
            values = np.asarray(frames[example.clip.name], np.float64)
            count, total, squares = count + len(values), total + values.sum(0), squares + np.square(values).sum(0)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), 1e-10))
        self.mean, self.std = (torch.tensor(v, dtype=torch.float32, device=device) for v in (mean, std))
        self._kept: dict[str, Tensor] = {}
        self._room = KEPT_BYTES

    def item(self, example: Example) -> Tensor:
        """[T, C] of one recording."""
        name = example.clip.name
        if name in self._kept:
            return self._kept[name]
        values = torch.tensor(np.asarray(self.frames[name], np.float32), device=self.device)
        values = (values - self.mean) / self.std
        if values.nbytes <= self._room:
            self._kept[name] = values
            self._room -= values.nbytes
        return values

    def batch(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """[B, T, C], zeros beyond an item's end, and valid frames [B]."""
        items = [self.item(example) for example in examples]
        lengths = torch.tensor([len(item) for item in items], device=self.device)
        return pad_sequence(items, batch_first=True), lengths


@dataclass
class _Heads:
    """Linear heads of several seeds, at one learning rate: weights [S, V, C], biases [S, V]."""

    weight: nn.Parameter
    bias: nn.Parameter

    @classmethod
    def untrained(cls, channels: int, classes: int, seeds: Sequence[int], device: str) -> "_Heads":
        layers = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.manual_seed(seed)
                layers.append(nn.Linear(channels, classes))
        weight = torch.stack([layer.weight.detach() for layer in layers]).to(device)
        bias = torch.stack([layer.bias.detach() for layer in layers]).to(device)
        return cls(nn.Parameter(weight), nn.Parameter(bias))

    def head(self, number: int) -> nn.Linear:
        head = nn.Linear(self.weight.shape[2], self.weight.shape[1]).to(self.weight.device)
        head.load_state_dict({"weight": self.weight[number].detach(), "bias": self.bias[number].detach()})
        return head


def train_heads(
    frames: StandardisedFrames,
    examples: Sequence[Example],
    tokens: Sequence[str],
    settings: ProbeSettings,
    device: str,
    progress: Progress | None = None,
) -> list[list[nn.Linear]]:
    """Trained heads by seed and learning rate, as if each had trained alone."""
    index = {token: i for i, token in enumerate(tokens)}
    texts = [torch.tensor([index[c] for c in example.target], device=device) for example in examples]
    heads = [_Heads.untrained(len(frames.mean), len(tokens), settings.seeds, device) for _ in LEARNING_RATES]
    groups = [{"params": [h.weight, h.bias], "lr": rate} for h, rate in zip(heads, LEARNING_RATES, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.character_steps)
    draws = [np.random.default_rng(seed) for seed in settings.seeds]
    for step in range(settings.character_steps):
        drawn = [random.integers(len(examples), size=settings.character_batch) for random in draws]
        optimizer.zero_grad()
        _loss(frames, examples, texts, heads, drawn, device).backward()
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, settings.character_steps)
    return [[of_rate.head(number) for of_rate in heads] for number in range(len(settings.seeds))]


def _loss(
    frames: StandardisedFrames,
    examples: Sequence[Example],
    texts: Sequence[Tensor],
    heads: Sequence[_Heads],
    drawn: Sequence[np.ndarray],
    device: str,
) -> Tensor:
    """The sum over heads of their mean CTC loss. What a seed drew twice is computed once and counted twice."""
    rows = [(seed, i, n) for seed, one in enumerate(drawn) for i, n in zip(*np.unique(one, return_counts=True))]  # noqa: B905
    values, lengths = frames.batch([examples[i] for _, i, _ in rows])
    seeds = torch.tensor([seed for seed, _, _ in rows], device=device)
    weight = torch.stack([h.weight for h in heads], 1)[seeds]  # [M, R, V, C]
    bias = torch.stack([h.bias for h in heads], 1)[seeds]
    rates, classes = weight.shape[1:3]
    logits = torch.baddbmm(bias.flatten(1)[:, None], values, weight.flatten(1, 2).transpose(1, 2))
    logits = logits.unflatten(2, (rates, classes)).transpose(1, 2).flatten(0, 1)  # [M R, T, V]
    chosen = [texts[i] for _, i, _ in rows]
    sizes = torch.tensor([len(text) for text in chosen], device=device)
    targets = pad_sequence(chosen, batch_first=True)
    losses = ctc_loss(logits, *(v.repeat_interleave(rates, 0) for v in (lengths, targets, sizes)))
    counts = torch.tensor([float(n) for _, _, n in rows], device=device)
    return (losses.unflatten(0, (-1, rates)) * (counts / sizes)[:, None]).sum() / len(drawn[0])


@torch.no_grad()
def _character_errors(
    head: nn.Linear, frames: StandardisedFrames, examples: Sequence[Example], tokens: Sequence[str]
) -> np.ndarray:
    """Errors and characters of each recording, [N, 2], in their order."""
    counts = np.zeros((len(examples), 2))
    for batch in batches_by_length(range(len(examples)), lambda i: len(frames.item(examples[i])), max_items=32):
        values, lengths = frames.batch([examples[i] for i in batch])
        for i, read in zip(batch, greedy(head(values), lengths, tokens), strict=True):
            # The alignment is one of words; a space needs a sign of its own.
            counts[i] = errors(_spelt(examples[i].target), _spelt(read))
    return counts


def _spelt(text: Sequence[str]) -> list[str]:
    return ["_" if character == " " else character for character in text]


def _rate(outcomes: np.ndarray) -> float:
    return float(outcomes[:, 0].sum() / max(1.0, outcomes[:, 1].sum()))
