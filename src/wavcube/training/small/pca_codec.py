"""PCA codec: filters fitted on speech for a feature encoder of one convolution."""

from collections.abc import Sequence

import numpy as np

from wavcube.data.streaming import build_loader
from wavcube.training.config import TrainConfig

FIELD, HOP = 400, 320
"""Samples under a frame of the feature encoder, and from one to the next."""

WEAKEST = 40.0
"""The weakest components are raised by at most the root of this over the strongest."""

FAINTEST = 1e-5
"""Power, beside the strongest frequency, at which one counts as absent and is not raised further."""

LOWEST, HIGHEST = 80.0, 7800.0
"""Frequencies of the spectral filters, Hz."""

FITTED_SECONDS = 400.0
"""Of speech that everything is fitted on."""


class PCACodec:
    """Principal components of frames of speech.

    Attributes:
        filters: [400, 400], windowed components, the strongest first.
        power: [400], mean square of each component.
    """

    def __init__(self, recordings: Sequence[np.ndarray]) -> None:
        edge = np.sin(np.pi / 2 * (np.arange(FIELD - HOP) + 0.5) / (FIELD - HOP))
        window = np.ones(FIELD)
        window[: FIELD - HOP], window[HOP:] = edge, edge[::-1]  # the squares of overlapping edges sum to 1
        frames = np.concatenate([np.lib.stride_tricks.sliding_window_view(r, FIELD)[::HOP] for r in recordings])
        frames = frames.astype(np.float64)
        self._covariance = frames.T @ frames / len(frames)
        power, components = np.linalg.eigh(self._covariance * window * window[:, None])
        self.power = np.maximum(power[::-1], 0.0)
        self.filters = components[:, ::-1].T * window

    def equalised(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """`count` filters [count, 400] with weak ones raised and a mean power of 1, and their deviations [count]."""
        power = self.power[:count]
        std = np.sqrt(power + 1e-4 * power[0])
        gain = np.sqrt(np.minimum(std[0] / std, WEAKEST))
        scale = gain / np.sqrt((power * gain**2).mean())
        return self.filters[:count] * scale[:, None], np.sqrt(power) * scale

    def spectral(self, count: int) -> np.ndarray:
        """Cosines and sines [count, 2, 400] under a Hann window at evenly spaced frequencies.

        Where speech has power they have a mean power of 1.
        """
        time = (np.arange(FIELD) - (FIELD - 1) / 2) / 16_000
        angles = 2 * np.pi * np.linspace(LOWEST, HIGHEST, count)[:, None] * time
        waves = np.stack([np.cos(angles), np.sin(angles)], 1) * np.hanning(FIELD + 2)[1:-1]
        power = np.einsum("fps,st,fpt->f", waves, self._covariance, waves, optimize=True) / 2
        return waves / np.sqrt(power + FAINTEST * power.max())[:, None, None]


def training_recordings(config: TrainConfig) -> list[np.ndarray]:
    """Some minutes of training crops [S] at 16 kHz; every process gets the same."""
    samples = round(config.loader.crop_seconds * 16_000)
    loader = build_loader(
        config.data,
        crop_samples=samples,
        batch_size=config.loader.batch_size,
        seed=config.run.seed + 2,
        rank=0,
        world_size=1,
        workers=0,
        train=True,
    )
    found: list[np.ndarray] = []
    for batch in loader:
        found += list(batch.waveform.numpy())
        if len(found) * samples >= FITTED_SECONDS * 16_000:
            break
    return found
