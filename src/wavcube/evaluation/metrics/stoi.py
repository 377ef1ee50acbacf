"""Short-time objective intelligibility: correlation of short-time band envelopes of original and reconstruction."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Undefined, refuse_silence


class STOI(Metric):
    """STOI, as pystoi computes it."""

    name = "stoi"
    quantities = (Quantity("stoi", "STOI", "", "higher", 3),)
    sample_rate = 16_000
    citation = "Taal et al., IEEE TASLP 2011"
    packages: ClassVar = {"pystoi": "pystoi"}
    extended: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        return {"extended": self.extended}

    def measure(self, pair: Pair) -> Measurement:
        from pystoi import stoi

        refuse_silence(pair)
        original, reconstruction = pair.original.at(self.sample_rate), pair.reconstruction.at(self.sample_rate)
        # pystoi answers 1e-5 with a warning where it should have no answer.
        with warnings.catch_warnings(), _seeded():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            try:
                value = stoi(original, reconstruction, self.sample_rate, extended=self.extended)
            except (RuntimeWarning, np.exceptions.AxisError) as error:  # AxisError: not even one frame
                raise Undefined("less than 0.4 s of speech above the original's noise floor") from error
        return Measurement({self.name: float(value)})


class ExtendedSTOI(STOI):
    """ESTOI: STOI without its assumption that bands contribute independently, as pystoi computes it."""

    name = "estoi"
    quantities = (Quantity("estoi", "ESTOI", "", "higher", 3),)
    citation = "Jensen and Taal, IEEE/ACM TASLP 2016"
    extended = True


@contextmanager
def _seeded() -> Iterator[None]:
    """Fix numpy's global generator for a while.

    pystoi dithers ESTOI's bands with it, which decides the result where the reconstruction is digitally silent.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
