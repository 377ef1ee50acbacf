"""Statistics of a representation's frames before any generator is trained on it.

All are computed on frames standardised per channel, as generators see them, and at steps of 20 ms whatever the frame
rate, so that representations can be compared.
"""

from dataclasses import dataclass

import numpy as np

from wavcube.errors import DataError
from wavcube.generation.tts.training.dataset import SpeechCorpus

STEP_S = 0.02
HISTORY = 4
"""Steps that a frame is predicted from."""

RIDGE = 1e-3
"""Of the regression, as a share of the frames' variance."""

_UTTERANCES, _NEIGHBOURS, _QUERIES = 400, 8_000, 1_000


@dataclass(frozen=True)
class SpaceStatistics:
    """Figures of a representation.

    Attributes:
        channels: of a frame.
        effective_dimension: participation ratio of the eigenvalues of the correlation matrix, (sum l)^2 / sum l^2: how
            many directions share the variance.
        roughness: mean squared change over 20 ms over twice the variance; 0 is constant, 1 is white noise.
        unpredictability: share of the variance that a linear prediction from the 80 ms before leaves over, on held-out
            utterances.
        interpolation_distance: how far the middle between two frames of different utterances lies from the nearest
            frame of the data, over the same distance of true held-out frames; 1 means that the middle is as much in
            the data as true frames are.
    """

    channels: int
    effective_dimension: float
    roughness: float
    unpredictability: float
    interpolation_distance: float


def measure_space(corpus: SpeechCorpus, seed: int = 0) -> SpaceStatistics:
    """Figures over up to 400 utterances of a corpus, chosen by `seed`.

    Raises:
        DataError: fewer than four utterances, or too few frames.
    """
    random = np.random.default_rng(seed)
    if len(corpus) < 4:
        raise DataError(f"the figures of a representation need four utterances at least, not {len(corpus)}")
    chosen = random.permutation(len(corpus))[:_UTTERANCES]
    mean, std = (values.numpy().astype(np.float64) for values in corpus.statistics())
    stride = max(1, round(STEP_S * corpus.cache.extractor.frame_rate))
    clips = [(corpus.frames(int(i)).astype(np.float64)[::stride] - mean) / std for i in chosen]
    clips = [clip for clip in clips if len(clip) > 2 * HISTORY]
    if len(clips) < 4:
        raise DataError("the figures of a representation need four utterances of more than 0.2 s")
    half = len(clips) // 2
    known, held_out = clips[:half], clips[half:]
    frames = np.concatenate(clips)
    eigenvalues = np.linalg.eigvalsh(np.cov(frames.T))
    changes = np.concatenate([np.diff(clip, axis=0) for clip in clips])
    return SpaceStatistics(
        channels=frames.shape[1],
        effective_dimension=float(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum()),
        roughness=float(np.square(changes).mean() / (2 * frames.var(0).mean())),
        unpredictability=_unpredictability(known, held_out),
        interpolation_distance=_interpolation_distance(known, held_out, random),
    )


def _unpredictability(known: list[np.ndarray], held_out: list[np.ndarray]) -> float:
    def history(clips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        past = [np.concatenate([clip[i : len(clip) - HISTORY + i] for i in range(HISTORY)], 1) for clip in clips]
        return np.concatenate(past), np.concatenate([clip[HISTORY:] for clip in clips])

    inputs, targets = history(known)
    gram = inputs.T @ inputs
    gram[np.diag_indices_from(gram)] += RIDGE * len(inputs)
    weights = np.linalg.solve(gram, inputs.T @ targets)
    inputs, targets = history(held_out)
    return float(np.square(targets - inputs @ weights).mean() / targets.var(0).mean())


def _interpolation_distance(known: list[np.ndarray], held_out: list[np.ndarray], random: np.random.Generator) -> float:
    data = np.concatenate(known)
    data = data[random.permutation(len(data))[:_NEIGHBOURS]]
    queries = np.concatenate(held_out)
    queries = queries[random.permutation(len(queries))[:_QUERIES]]
    pairs = [random.choice(len(held_out), 2, replace=False) for _ in range(len(queries))]
    between = np.stack([sum(held_out[i][random.integers(len(held_out[i]))] for i in pair) / 2 for pair in pairs])
    return float(_nearest(between, data).mean() / _nearest(queries, data).mean())


def _nearest(queries: np.ndarray, data: np.ndarray) -> np.ndarray:
    squares = np.square(queries).sum(1)[:, None] - 2 * queries @ data.T + np.square(data).sum(1)
    return np.sqrt(squares.min(1).clip(0))
