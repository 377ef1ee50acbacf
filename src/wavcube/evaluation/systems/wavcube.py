"""WavCube itself under evaluation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System

if TYPE_CHECKING:
    from wavcube.codec import WavCube


class WavCubeSystem(System):
    """Encode and decode with a WavCube model; the recordings of a call form one batch on the model's device."""

    def __init__(self, model: "WavCube", name: str = "wavcube") -> None:
        self.model = model
        self.name = name
        self.title = f"WavCube, {model.latent_dim} channels at {model.frame_rate:g} Hz"
        self.fingerprint = f"{model.weights_fingerprint()} {model.precision} {model.chunking}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        waveforms = self.model.reconstruct([original.at(EVALUATION_RATE) for original in originals], EVALUATION_RATE)
        return [
            Recording(waveform.float().cpu().numpy(), EVALUATION_RATE, original.name)
            for waveform, original in zip(waveforms, originals, strict=True)
        ]
