"""Errors of fundamental frequency and voicing."""

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Recording, refuse_silence

VOICED = 0.5
"""Confidence from which SwiftF0 calls a frame voiced."""

LOWEST_HZ, HIGHEST_HZ = 50.0, 550.0
"""Range of speaking voices, in Hz."""


class F0(Metric):
    """Errors of log F0 where both are voiced (root mean square, median), and the F1 score of the voicing decision.

    F0 is tracked by SwiftF0 in frames of 16 ms; the original's track counts as the truth.
    """

    name = "pitch"
    quantities = (
        Quantity("log_f0_rmse", "log-F0 RMSE", "cents", "lower", 1),
        Quantity("log_f0_median", "log-F0 error, median", "cents", "lower", 1),
        Quantity("voicing_f1", "voicing F1", "", "higher", 3),
    )
    sample_rate = 16_000
    citation = "F0 by SwiftF0: Nieradzik, arXiv:2508.18440"
    packages: ClassVar = {"swift_f0": "swift-f0", "onnxruntime": "onnxruntime"}

    def settings(self) -> dict[str, Any]:
        return {"voiced": VOICED, "range": (LOWEST_HZ, HIGHEST_HZ)}

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        true_hz, true_voiced = self.track(pair.original)
        hz, voiced = self.track(pair.reconstruction)
        measurement = Measurement()
        both = true_voiced & voiced
        if both.any():
            cents = 1200 * np.log2(hz[both] / true_hz[both])
            measurement.values["log_f0_rmse"] = float(np.sqrt(np.square(cents).mean()))
            measurement.values["log_f0_median"] = float(np.median(np.abs(cents)))
        else:
            for name in ("log_f0_rmse", "log_f0_median"):
                measurement.undefined[name] = "no frame is voiced in both original and reconstruction"
        if true_voiced.any() or voiced.any():
            measurement.values["voicing_f1"] = float(2 * both.sum() / (true_voiced.sum() + voiced.sum()))
        else:
            measurement.undefined["voicing_f1"] = "no voiced frame"
        return measurement

    def track(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """F0 in Hz `[frames]` and voicing `[frames]`."""

        def compute() -> tuple[np.ndarray, np.ndarray]:
            found = self._tracker.detect(recording.at(self.sample_rate), self.sample_rate, LOWEST_HZ, HIGHEST_HZ)
            return found.pitch_hz, found.confidence >= VOICED

        return recording.remember("pitch", compute)

    @cached_property
    def _tracker(self) -> Any:
        from swift_f0 import SwiftF0

        return SwiftF0(threads=1, spin=False)  # one thread: processes run side by side, and sums keep their order
