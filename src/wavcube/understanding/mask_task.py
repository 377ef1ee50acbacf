"""The base of enhancement and separation: a head that gives masks on the mixture's spectrum."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.data.clip import Clip, header_seconds, read_clip
from wavcube.errors import DataError
from wavcube.evaluation.metric import Metric, Pair, Recording, Undefined
from wavcube.framing import SAMPLE_RATE
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_splits, some
from wavcube.understanding.corpora.manifest import read_manifest
from wavcube.understanding.corpora.official import Source, wanted_folder, wanted_lines, wanted_recordings
from wavcube.understanding.heads import MaskNetwork
from wavcube.understanding.masks import BINS, mask_loss, masked_waveforms, spectrum
from wavcube.understanding.task import ProbeTask
from wavcube.understanding.training.batches import Batch

LONGEST_DIFFERENCE_S = 0.02
"""Between a mixture and its sources; more, and they are not of one another."""

KEPT_WAVEFORMS = 1024
"""Recordings that stay in memory between steps."""


class MaskTask(ProbeTask):
    """An example's target is the recordings of its sources, as long as the mixture and in time with it.

    Attributes:
        sources: how many a mixture has.
    """

    sources: ClassVar[int]
    needs_audio = True
    recipe = ProbeConfig(steps=150_000, batch=8, optimiser="adamw", width=896, depth=3, dropout=0.5)

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        clips = {e.clip.name: (e.clip, [Path(path) for path in e.target]) for e in corpus.examples}
        absent = [str(path) for _, paths in clips.values() for path in paths if not path.is_file()]
        if absent:
            raise DataError(f"{source}: {len(absent)} recordings of sources do not exist: {some(absent)}")
        seconds = header_seconds(path for clip, paths in clips.values() for path in (clip.path, *paths))
        for clip, paths in clips.values():
            whole = seconds[clip.path]
            for path in paths:
                if seconds[path] is None or whole is None:
                    raise DataError(f"{path if whole else clip.path}: its length cannot be read")
                if abs((seconds[path] or 0.0) - whole) > LONGEST_DIFFERENCE_S:
                    raise DataError(
                        f"{source}: {clip.path} lasts {whole:.2f} s, its source {path} {seconds[path]:.2f} s; they "
                        "must be equally long, and in time with each other"
                    )

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        return MaskNetwork(dim, recipe.width, recipe.depth, recipe.dropout, self.sources * BINS, recipe.upsample)

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        frame = round(SAMPLE_RATE / batch.frame_rate)
        upsample = output.shape[1] // batch.values.shape[1]
        losses = []
        for made, start, length, example in zip(
            output, batch.starts, batch.lengths.tolist(), batch.examples, strict=True
        ):
            span = slice(start * frame, (start + length) * frame)
            heard = torch.from_numpy(np.stack([w[span] for w in _waveforms(example)])).to(output.device)
            spectra = spectrum(heard, frame // upsample)[:, : length * upsample]
            losses.append(mask_loss(self._masks(made[: length * upsample]), spectra[0], spectra[1:]))
        return torch.stack(losses).mean()

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        frame = round(SAMPLE_RATE / batch.frame_rate)
        upsample = output.shape[1] // batch.values.shape[1]
        found = []
        for made, length, example in zip(output, batch.lengths.tolist(), batch.examples, strict=True):
            mixture, *sources = _waveforms(example)
            masks = self._masks(made[: length * upsample])
            waveform = torch.from_numpy(mixture).to(masks)
            estimates = masked_waveforms(masks, waveform, frame // upsample).cpu().numpy()
            found.append(self._score(mixture, sources, estimates))
        return found

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        """[N, metrics and SI-SDR improvement]; NaN where a metric is not defined."""
        return np.array([said[example.clip.name] for example in corpus.splits[split]])

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        with np.errstate(invalid="ignore"):
            counts = (~np.isnan(outcomes)).sum(0)
            means = np.where(counts > 0, np.nansum(outcomes, 0) / np.maximum(counts, 1), np.nan)
        return {measure.name: float(value) for measure, value in zip(self.measures, means, strict=True)}

    def metrics(self) -> list[Metric]:
        """Metrics of each estimate against its source, beside the SI-SDR improvement, in the order of `measures`."""
        return []

    def _masks(self, made: Tensor) -> Tensor:
        """Outputs [T, sources * BINS] of the head as masks [sources, T, BINS]."""
        return made.unflatten(-1, (self.sources, BINS)).transpose(0, 1)

    def _score(self, mixture: np.ndarray, sources: Sequence[np.ndarray], estimates: np.ndarray) -> list[float]:
        """Means over the sources, under the order of the estimates that has the best SI-SDR."""
        from wavcube.evaluation.metrics.si_sdr import SISDR

        table = np.array([[_measured(SISDR(), source, estimate) for estimate in estimates] for source in sources])
        before = [_measured(SISDR(), source, mixture) for source in sources]
        order = max(
            permutations(range(len(sources))), key=lambda o: float(np.nansum([table[i, j] for i, j in enumerate(o)]))
        )
        improvement = [table[i, j] - before[i] for i, j in enumerate(order)]
        values = [
            [_measured(metric, sources[i], estimates[j]) for i, j in enumerate(order)] for metric in self.metrics()
        ]
        return [float(np.mean(one)) for one in (*values, improvement)]


def listed(manifest: Path, columns: Sequence[str]) -> Corpus:
    """The corpus of one's own list, whose `columns` name the sources of each mixture, relative to the list.

    Raises:
        DataError: see `read_manifest`.
    """
    rows = read_manifest(manifest, columns)
    return Corpus.of(
        {
            split: [row.example(tuple(str(manifest.parent / row.cells[name]) for name in columns)) for row in found]
            for split, found in rows.items()
        }
    )


def paired(mixtures: dict[str, Path], sources: Sequence[dict[str, Path]], split: str, source: Source) -> list[Example]:
    """Examples of mixtures by name and their sources by the same names.

    Raises:
        DataError: a mixture without its source, or recordings that are missing.
    """
    for found in sources:
        lacking = [name for name in mixtures if name not in found]
        if lacking:
            raise DataError(f"{len(lacking)} mixtures of {split} of {source.name} have no source: {some(lacking)}")
    wanted_recordings([*mixtures.values(), *(found[name] for found in sources for name in mixtures)], source)
    return [
        Example(Clip(f"{split}/{name}", path), tuple(str(found[name]) for found in sources))
        for name, path in mixtures.items()
    ]


def recordings_of(folder: Path, source: Source) -> dict[str, Path]:
    """The recordings of a folder by name: those that its wav.scp lists, or else its *.wav files.

    Raises:
        DataError: the folder is not there, is empty, or its list has commands.
    """
    wanted_folder(folder, source)
    listed = folder / "wav.scp"
    if not listed.is_file():
        found = {path.stem: path for path in sorted(folder.glob("*.wav"))}
        if not found:
            raise source.missing(folder / "*.wav")
        return found
    pairs = [line.strip().partition(" ") for line in wanted_lines(listed, source)]
    if any(path.endswith("|") for _, _, path in pairs):
        raise DataError(f"{listed}: has commands, not files; write the audio out first")
    return {name: folder / path.strip() for name, _, path in pairs}


def _measured(metric: Metric, source: np.ndarray, estimate: np.ndarray) -> float:
    try:
        pair = Pair(Recording(source, SAMPLE_RATE), Recording(estimate, SAMPLE_RATE))
        return metric.measure(pair).values[metric.quantities[0].name]
    except Undefined:
        return float("nan")


def _waveforms(example: Example) -> list[np.ndarray]:
    """The mixture and its sources, [S] each, of one length."""
    clips = [example.clip, *(replace(example.clip, path=Path(path)) for path in example.target)]
    waveforms = [_read(clip.path, clip.start, clip.seconds if clip.is_part else None) for clip in clips]
    shortest = min(len(waveform) for waveform in waveforms)
    return [waveform[:shortest] for waveform in waveforms]


@lru_cache(maxsize=KEPT_WAVEFORMS)
def _read(path: Path, start: float | None, seconds: float | None) -> np.ndarray:
    return read_clip(Clip(str(path), path, start, seconds))
