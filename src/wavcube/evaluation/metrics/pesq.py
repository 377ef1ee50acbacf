"""Perceptual evaluation of speech quality (ITU-T P.862), in its wide-band and narrow-band forms."""

from typing import Any, ClassVar

import numpy as np

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Undefined, refuse_silence

LONGEST_S = 60.0
"""P.862 was made for recordings of 8 to 30 s; the library has no answer, or a wrong one, for very long ones."""

MOST_BURSTS = 40
"""The library keeps a table of 50 bursts of speech, writes past its end and crashes."""


class WidebandPESQ(Metric):
    """PESQ-WB (P.862.2), 50 to 7000 Hz, as the pesq package computes it; 4.64 is its ceiling."""

    name = "pesq_wb"
    quantities = (Quantity("pesq_wb", "PESQ-WB", "MOS", "higher", 2),)
    sample_rate = 16_000
    citation = "ITU-T P.862.2 (2007)"
    packages: ClassVar = {"pesq": "pesq"}
    band: ClassVar[str] = "wb"

    def settings(self) -> dict[str, Any]:
        return {"band": self.band, "longest": LONGEST_S, "most_bursts": MOST_BURSTS}

    def measure(self, pair: Pair) -> Measurement:
        from pesq import PesqError, pesq

        refuse_silence(pair)
        if pair.original.seconds > LONGEST_S:
            raise Undefined(f"longer than {LONGEST_S:g} s, beyond what PESQ is made for")
        original = pair.original.at(self.sample_rate)
        if _most_bursts(original, self.sample_rate) > MOST_BURSTS:
            raise Undefined(f"more than {MOST_BURSTS} bursts of speech, which the pesq package cannot hold")
        try:
            value = pesq(self.sample_rate, original, pair.reconstruction.at(self.sample_rate), self.band)
        except (PesqError, ValueError) as error:  # ValueError: a handful of samples
            reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
            raise Undefined(f"pesq: {reason[:1].lower()}{reason[1:]}") from error
        return Measurement({self.name: float(value)})


class NarrowbandPESQ(WidebandPESQ):
    """PESQ-NB (P.862.1), telephone band, as the pesq package computes it at 16 kHz; 4.55 is its ceiling."""

    name = "pesq_nb"
    quantities = (Quantity("pesq_nb", "PESQ-NB", "MOS", "higher", 2),)
    citation = "ITU-T P.862.1 (2003)"
    band = "nb"


def _most_bursts(waveform: np.ndarray, sample_rate: int) -> int:
    """How many bursts of sound, at least 0.2 s apart, a level detector could find at the least lucky threshold.

    P.862 sets its detector's threshold by iteration; trying several bounds its answer from above.
    """
    step = sample_rate * 4 // 1000  # P.862 looks at the level of 4 ms frames
    frames = len(waveform) // step
    if frames == 0:
        return 0
    level = np.square(waveform[: frames * step].astype(np.float64)).reshape(frames, step).mean(axis=1)
    gap = 50  # frames of 4 ms: shorter pauses do not part bursts
    most = 0
    for threshold_db in (-15, -20, -25, -30, -40, -50, -60):
        active = np.flatnonzero(level > level.max() * 10 ** (threshold_db / 10))
        most = max(most, 1 + int((np.diff(active) > gap).sum()))
    return most
