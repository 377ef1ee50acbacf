"""Speaker similarity: do original and reconstruction sound like the same person?"""

from typing import Any

import numpy as np

from wavcube.evaluation.metric import (
    Measurement,
    Metric,
    Pair,
    Quantity,
    Recording,
    Undefined,
    refuse_silence,
)
from wavcube.evaluation.speaker_encoder import SHORTEST_S, SpeakerEncoder


class SpeakerSimilarity(Metric):
    """Cosine between the speaker embeddings of original and reconstruction.

    Values of different encoders cannot be compared; its note names the encoder.
    """

    name = "speaker"
    quantities = (Quantity("speaker_similarity", "speaker similarity", "cosine", "higher", 3),)
    sample_rate = 16_000
    citation = "SIM as in Chen et al., IEEE JSTSP 2022 (WavLM-Large + ECAPA-TDNN), if that encoder is given"
    compares_samples = False
    on_device = True

    def __init__(self, encoder: SpeakerEncoder) -> None:
        self.encoder = encoder

    def settings(self) -> dict[str, Any]:
        return {"encoder": self.encoder.fingerprint}

    def note(self) -> str:
        return f"speaker similarity: by {self.encoder.name}"

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        if min(pair.original.seconds, pair.reconstruction.seconds) < SHORTEST_S:
            raise Undefined(f"shorter than {SHORTEST_S:g} s")
        cosine = float(self._embed(pair.original) @ self._embed(pair.reconstruction))
        return Measurement({"speaker_similarity": cosine})

    def _embed(self, recording: Recording) -> np.ndarray:
        """Embedding of unit length `[D]`."""

        def compute() -> np.ndarray:
            embedding = self.encoder.embed(recording.at(self.sample_rate)).astype(np.float64)
            return embedding / max(float(np.sqrt(np.square(embedding).sum())), 1e-12)

        return recording.remember(f"speaker {self.encoder.fingerprint}", compute)
