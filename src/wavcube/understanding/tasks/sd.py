"""Speaker diarisation: who of two speaks when (Libri2Mix; diarisation error rate)."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.padding import valid_mask
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_ends, check_splits, some
from wavcube.understanding.corpora.official import LIBRI2MIX, wanted_folder, wanted_lines
from wavcube.understanding.heads import Diariser
from wavcube.understanding.task import Measure, ProbeTask
from wavcube.understanding.training.batches import Batch

Segment = tuple[str, float, float]
"""Speaker, start and end in seconds."""

SPEAKERS = 2
SETTINGS = tuple(product((1, 11), (0.3, 0.4, 0.5, 0.6, 0.7)))
"""Median filter (frames) and threshold: SUPERB scores all ten and reports the best on test."""


class Diarisation(ProbeTask):
    """Kaldi folders. No collar, overlapped speech counts.

    `der` is at the setting that dev chose; `der_best` is at the best of ten on the split itself, which SUPERB reports.
    """

    name = "sd"
    title = "Speaker diarisation"
    official = LIBRI2MIX
    measures = (Measure("der", "DER", "%", False), Measure("der_best", "DER, best of 10 on test", "%", False))
    packages = ("scipy",)
    recipe = ProbeConfig(steps=30_000, batch=8, accumulate=4, learning_rate=1e-4, width=512, crop_seconds=40.0)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        splits = ("train", "dev", "test")
        return [Corpus.of({split: _kaldi(wanted_folder(data / split, LIBRI2MIX), split) for split in splits})]

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        for split, examples in corpus.splits.items():
            many = [e.clip.name for e in examples if len({speaker for speaker, _, _ in e.target}) > SPEAKERS]
            if many:
                raise DataError(
                    f"{source}: {len(many)} recordings of {split} have over {SPEAKERS} speakers: {some(many)}"
                )
            known = {e.clip.path: e.clip.seconds for e in examples if e.clip.seconds is not None}
            check_ends([corpus], known, lambda e: max((end for _, _, end in e.target), default=0.0))
            silent = [e.clip.name for e in examples if not e.target]
            if silent:
                raise DataError(f"{source}: {len(silent)} recordings of {split} have no segment: {some(silent)}")

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return Diariser(dim, recipe.width, SPEAKERS)

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        targets = torch.zeros_like(output)
        for row, start, length, example in zip(
            targets, batch.starts, batch.lengths.tolist(), batch.examples, strict=True
        ):
            frames = activity(example.target, start + length, batch.frame_rate)
            row[:length] = torch.from_numpy(frames[start:]).to(row)
        return permutation_free_loss(output, targets, batch.lengths)

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        shares = output.sigmoid().cpu().numpy()
        return [(row[:length], batch.frame_rate) for row, length in zip(shares, batch.lengths.tolist(), strict=True)]

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        """[N, settings, 5]: number of the setting, seconds missed, false, confused, and of reference speech."""
        rows = []
        for example in corpus.splits[split]:
            shares, rate = said[example.clip.name]
            rows.append(
                [
                    [number, *diarisation_errors(example.target, segments(shares, rate, median, threshold))]
                    for number, (median, threshold) in enumerate(SETTINGS)
                ]
            )
        outcomes = np.array(rows)
        # The best setting comes first, where it may be chosen: on dev.
        return outcomes[:, np.argsort(_rates(outcomes), kind="stable")] if split == "dev" else outcomes

    def choose(self, dev: np.ndarray, test: np.ndarray) -> np.ndarray:
        return test[:, dev[0, :, 0].astype(int)]

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        rates = _rates(outcomes)
        return {"der": float(rates[0]), "der_best": float(rates.min())}


def _rates(outcomes: np.ndarray) -> np.ndarray:
    """Diarisation error rate of every setting, in percent."""
    summed = outcomes.sum(0)
    return 100.0 * summed[:, 1:4].sum(1) / summed[:, 4]


def activity(target: Sequence[Segment], frames: int, rate: float) -> np.ndarray:
    """Whether each speaker, in order of name, speaks at a frame: [frames, 2], of 0 and 1."""
    active = np.zeros((frames, SPEAKERS), np.float32)
    order = sorted({speaker for speaker, _, _ in target})
    for speaker, start, end in target:
        active[round(start * rate) : round(end * rate), order.index(speaker)] = 1.0
    return active


def permutation_free_loss(output: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Binary cross entropy of logits [B, T, 2] under the better order of the speakers, the mean over frames."""
    mask = valid_mask(lengths, output.shape[1])[..., None]
    losses = []
    for order in ([0, 1], [1, 0]):
        loss = nn.functional.binary_cross_entropy_with_logits(output, targets[..., order], reduction="none")
        losses.append((loss * mask).sum((1, 2)) / (lengths * SPEAKERS))
    return torch.stack(losses).amin(0).mean()


def segments(shares: np.ndarray, rate: float, median: int, threshold: float) -> list[Segment]:
    """Segments of each speaker from [T, 2] of shares in [0, 1], above a threshold and smoothed."""
    from scipy.signal import medfilt

    found = []
    for speaker in range(shares.shape[1]):
        active = medfilt((shares[:, speaker] > threshold).astype(float), median) > 0.5
        edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
        found += [
            (str(speaker), first / rate, last / rate) for first, last in zip(edges[::2], edges[1::2], strict=True)
        ]
    return found


def diarisation_errors(
    reference: Sequence[Segment], hypothesis: Sequence[Segment]
) -> tuple[float, float, float, float]:
    """Seconds missed, falsely added and confused, and seconds of speech in the reference (each speaker counted).

    As NIST's md-eval and pyannote.metrics count without collar: speakers are mapped one to one so that they share most
    time, over the whole recording; where n speakers should and m do speak, |n - m| are missed or added, and those of
    the smaller number that the mapping does not match are confused.
    """
    from scipy.optimize import linear_sum_assignment

    times = np.unique([time for _, start, end in (*reference, *hypothesis) for time in (start, end)])
    if len(times) < 2:
        return 0.0, 0.0, 0.0, 0.0
    spans = np.diff(times)
    truth, said = (_active(part, times) for part in (reference, hypothesis))
    together = (truth * spans) @ said.T
    first, second = linear_sum_assignment(together, maximize=True)
    right = (truth[first] * said[second]).sum(0)
    n, m = truth.sum(0), said.sum(0)
    missed, added = np.maximum(n - m, 0), np.maximum(m - n, 0)
    confused = np.minimum(n, m) - right
    return tuple(float((spans * counts).sum()) for counts in (missed, added, confused, n))  # type: ignore[return-value]


def _active(part: Sequence[Segment], times: np.ndarray) -> np.ndarray:
    """[speakers, spans between times], 1 where a speaker speaks."""
    order = sorted({speaker for speaker, _, _ in part})
    active = np.zeros((len(order), len(times) - 1))
    for speaker, start, end in part:
        active[order.index(speaker), np.searchsorted(times, start) : np.searchsorted(times, end)] = 1.0
    return active


def _kaldi(folder: Path, split: str) -> list[Example]:
    paths = {}
    for number, line in enumerate(wanted_lines(folder / "wav.scp", LIBRI2MIX), 1):
        name, _, path = line.strip().partition(" ")
        if path.endswith("|"):
            raise DataError(f"{folder / 'wav.scp'}, line {number}: a command, not a file; write the audio out first")
        paths[name] = folder / path
    spoken: dict[str, list[Segment]] = {name: [] for name in paths}
    for name, segment in _rttm(folder) if (folder / "rttm").is_file() else _segments(folder):
        if name not in spoken:
            raise DataError(f"{folder}: segments of recording {name}, which wav.scp has not")
        if segment[2] > segment[1]:
            spoken[name].append(segment)
    return [Example(Clip(f"{split}/{name}", path), tuple(_merged(spoken[name]))) for name, path in paths.items()]


def _rttm(folder: Path) -> list[tuple[str, Segment]]:
    found = []
    for number, line in enumerate(wanted_lines(folder / "rttm", LIBRI2MIX), 1):
        fields = line.split()
        if fields[0] != "SPEAKER":
            continue
        try:
            found.append((fields[1], (fields[7], float(fields[3]), float(fields[3]) + float(fields[4]))))
        except (IndexError, ValueError) as error:
            raise DataError(f"{folder / 'rttm'}, line {number}: {line!r} is no RTTM line") from error
    return found


def _segments(folder: Path) -> list[tuple[str, Segment]]:
    speakers = dict(line.split()[:2] for line in wanted_lines(folder / "utt2spk", LIBRI2MIX))
    found = []
    for number, line in enumerate(wanted_lines(folder / "segments", LIBRI2MIX), 1):
        try:
            utterance, name, start, end = line.split()
            found.append((name, (speakers[utterance], float(start), float(end))))
        except (KeyError, ValueError) as error:
            raise DataError(f"{folder / 'segments'}, line {number}: {line!r} fits neither form nor utt2spk") from error
    return found


def _merged(spoken: Sequence[Segment]) -> list[Segment]:
    """Segments in order, with those of one speaker that overlap or touch made one."""
    merged: list[Segment] = []
    for segment in sorted(spoken):
        if merged and merged[-1][0] == segment[0] and segment[1] <= merged[-1][2]:
            merged[-1] = (segment[0], merged[-1][1], max(merged[-1][2], segment[2]))
        else:
            merged.append(segment)
    return merged
