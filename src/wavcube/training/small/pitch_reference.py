"""The reference that the pitch network learns from: SwiftF0 (arXiv 2508.18440), every 10 ms of a waveform."""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.source_filter.pitch import HIGHEST, HOP, LOWEST, REFERENCE
from wavcube.errors import MissingDependencyError
from wavcube.framing import SAMPLE_RATE

VOICED = 0.5
"""Confidence from which SwiftF0 calls a frame voiced."""


class PitchReference:
    """Waveform [B, S] -> log of F0 over 160 Hz and voicing (0 or 1), [B, F, 2], at multiples of 160 samples.

    SwiftF0 has frames of 16 ms; log-F0 between two voiced ones is interpolated, voicing is that of the nearest one.
    """

    def __call__(self, waveform: Tensor, lengths: Tensor, frames: int) -> Tensor:
        """`lengths` [B] valid samples, `frames` F; unvoiced from an item's end on.

        Raises:
            MissingDependencyError: swift-f0 is not installed.
        """
        rows = [row[:length] for row, length in zip(waveform.cpu().numpy(), lengths.tolist(), strict=True)]
        tracks = np.stack([self._track(row, frames) for row in rows])
        return torch.from_numpy(tracks).to(waveform.device)

    def _track(self, waveform: np.ndarray, frames: int) -> np.ndarray:
        found = self._detector.detect(waveform, SAMPLE_RATE, LOWEST, HIGHEST)
        track = np.zeros((frames, 2), np.float32)
        voiced = found.confidence >= VOICED
        if voiced.any():
            time = np.arange(frames) * (HOP / SAMPLE_RATE)
            log_f0 = np.log(found.pitch_hz[voiced] / REFERENCE)
            track[:, 0] = np.interp(time, found.timestamps[voiced], log_f0)
            nearest = np.abs(time[:, None] - found.timestamps[None]).argmin(1)
            track[:, 1] = voiced[nearest] & (time * SAMPLE_RATE < len(waveform))
        return track

    @cached_property
    def _detector(self) -> Any:
        try:
            from swift_f0 import SwiftF0
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f'the pitch network learns from SwiftF0, which needs {error.name}: pip install "wavcube[train,eval]"'
            ) from error
        return SwiftF0(threads=1, spin=False)  # one thread, so that sums keep their order
