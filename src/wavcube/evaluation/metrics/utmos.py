"""UTMOS: the mean opinion score of naturalness, predicted without a reference."""

from typing import Any

from wavcube.evaluation.exported_networks import WaveformNetwork
from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Undefined

HUB_WEIGHTS = ("Blinorot/UTMOS-PyTorch", "utmos_scripted.pt")
"""Repository and file of the UTMOS22 strong learner as TorchScript."""


class UTMOS(Metric):
    """UTMOS22 (strong learner) by a TorchScript or ONNX file that turns `[1, S]` at 16 kHz into a score."""

    name = "utmos"
    quantities = (Quantity("utmos", "UTMOS", "MOS", "higher", 2),)
    sample_rate = 16_000
    citation = "Saeki et al., Interspeech 2022"
    compares_samples = False
    on_device = True

    def __init__(self, predictor: WaveformNetwork) -> None:
        self.predictor = predictor

    def settings(self) -> dict[str, Any]:
        return {"predictor": self.predictor.fingerprint}

    def measure(self, pair: Pair) -> Measurement:
        recording = pair.reconstruction
        if recording.is_silent:
            raise Undefined("the reconstruction is silent")
        score = recording.remember("utmos", lambda: self.predictor(recording.at(self.sample_rate)))
        return Measurement({"utmos": float(score.reshape(-1)[0])})


def load_utmos(source: str, device: str = "cpu") -> WaveformNetwork:
    """The predictor in the file `source`, or with "hub" the published one, which is downloaded once.

    Raises:
        MetricUnavailable: it cannot be loaded.
    """
    return WaveformNetwork.from_hub(*HUB_WEIGHTS, device) if source == "hub" else WaveformNetwork(source, device)
