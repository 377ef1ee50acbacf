"""Bit rate of systems that make a bit stream."""

from typing import ClassVar

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity


class Bitrate(Metric):
    """Bits of the code over the duration, of the whole corpus, as measured and not as asked for."""

    name = "bitrate"
    quantities = (Quantity("bitrate", "bit rate", "kb/s", "lower", 2, ("kilobits", "coded_seconds")),)
    sample_rate = 16_000
    citation = "size of the code; for Opus with its Ogg container"
    packages: ClassVar = {}
    compares_samples = False

    def measure(self, pair: Pair) -> Measurement:
        if pair.reconstruction.bits is None:
            return Measurement()  # not undefined: it does not apply
        return Measurement({"kilobits": pair.reconstruction.bits / 1000, "coded_seconds": pair.original.seconds})
