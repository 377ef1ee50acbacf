"""What conversion is measured by beside word errors: whose voice it is, and at which pitch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wavcube.evaluation.metric import (
    Measurement,
    Metric,
    Pair,
    Quantity,
    Recording,
    Undefined,
    recording_of,
    refuse_silence,
)
from wavcube.evaluation.metrics.f0 import F0
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.speaker_encoder import SpeakerEncoder
from wavcube.generation.conversion.evaluation.pairs import Target
from wavcube.hashing import digest, fingerprint_file


class TargetMetric(Metric):
    """A metric against a target's recordings; `targets` by the utterances' names."""

    on_device = True
    compares_samples = False
    targets: Mapping[str, Target]

    def settings(self) -> dict[str, Any]:
        paths = [path for target in self.targets.values() for path in (target.reference, target.other)]
        return {"targets": digest(" ".join(fingerprint_file(path) for path in paths))}


class VoiceSimilarity(TargetMetric):
    """Cosine between speaker embeddings: to the target's reference, and to the source.

    The share is of what another true recording of the target has with the same reference; of a corpus, sums are
    divided.
    """

    name = "voice"
    quantities = (
        Quantity("target_similarity", "similarity to target", "cosine", "higher", 3),
        Quantity(
            "target_share",
            "share of true speech's",
            "%",
            "higher",
            1,
            ratio=("target_similarity_sum", "true_similarity_sum"),
            scale=100.0,
        ),
        Quantity("source_similarity", "similarity to source", "cosine", "lower", 3),
    )
    sample_rate = 16_000
    citation = "cosine of speaker embeddings"

    def __init__(self, encoder: SpeakerEncoder, targets: Mapping[str, Target]) -> None:
        self.similarity, self.targets = SpeakerSimilarity(encoder), targets

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), **self.similarity.settings()}

    def note(self) -> str:
        return f"similarity to target and source: by {self.similarity.encoder.name}"

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        target = self.targets[pair.original.name]
        reference = recording_of(target.reference)
        found = self._between(reference, pair.reconstruction)
        true = self._between(reference, recording_of(target.other))
        return Measurement(
            {
                "target_similarity": found,
                "target_share": 100 * found / max(true, 1e-3),
                "target_similarity_sum": found,
                "true_similarity_sum": true,
                "source_similarity": self._between(pair.original, pair.reconstruction),
            }
        )

    def _between(self, one: Recording, other: Recording) -> float:
        return self.similarity.measure(Pair(one, other)).values["speaker_similarity"]


class PitchOfTarget(TargetMetric):
    """How far the median F0 is from that of the target's reference."""

    name = "pitch_of_target"
    quantities = (Quantity("median_f0_error", "median F0 off the target's", "cents", "lower", 0),)
    sample_rate = 16_000
    citation = F0.citation
    packages = F0.packages

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.tracker, self.targets = F0(), targets

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        medians = []
        for recording in (recording_of(self.targets[pair.original.name].reference), pair.reconstruction):
            hz, voiced = self.tracker.track(recording)
            if not voiced.any():
                raise Undefined("no voiced frame")
            medians.append(float(np.median(hz[voiced])))
        return Measurement({"median_f0_error": abs(1200 * float(np.log2(medians[1] / medians[0])))})
