"""What separation is measured by beside intelligibility: how much of the other talker is gone, and whose voice it is.

What belongs to a talker is in the key of every system's results, see `TalkerSystem`, so it needs not to be in the
metrics' settings.
"""

from collections.abc import Mapping
from typing import Any

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Recording, recording_of, refuse_silence
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.speaker_encoder import SpeakerEncoder
from wavcube.generation.separation.evaluation.talkers import Talker


class SISDRImprovement(Metric):
    """SI-SDR of a talker, and how much it is above that of the mixture."""

    name = "si_sdr_improvement"
    quantities = (Quantity("si_sdr_improvement", "SI-SDRi", "dB", "higher", 1), *SISDR.quantities)
    sample_rate = SISDR.sample_rate
    citation = SISDR.citation

    def __init__(self, talkers: Mapping[str, Talker]) -> None:
        self.talkers = talkers

    def measure(self, pair: Pair) -> Measurement:
        measured = SISDR()
        mixture = recording_of(self.talkers[pair.original.name].mixture)
        before = measured.measure(Pair(pair.original, mixture)).values[SISDR.name]
        after = measured.measure(pair).values[SISDR.name]
        return Measurement({self.name: after - before, SISDR.name: after})


class TalkerSimilarity(Metric):
    """Cosines between the speaker embeddings of a result and of both talkers alone."""

    name = "talker"
    quantities = (
        Quantity("own_similarity", "similarity to own talker", "cosine", "higher", 3),
        Quantity("similarity_margin", "similarity to own less other talker", "cosine", "higher", 3),
        Quantity("nearer_to_own", "nearer to own talker", "%", "higher", 1),
    )
    sample_rate = SpeakerSimilarity.sample_rate
    citation = "cosine of speaker embeddings"
    on_device = True
    compares_samples = False

    def __init__(self, encoder: SpeakerEncoder, talkers: Mapping[str, Talker]) -> None:
        self.similarity, self.talkers = SpeakerSimilarity(encoder), talkers

    def settings(self) -> dict[str, Any]:
        return self.similarity.settings()

    def note(self) -> str:
        return f"similarity to talkers: by {self.similarity.encoder.name}"

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        own = self._between(pair.original, pair.reconstruction)
        other = self._between(recording_of(self.talkers[pair.original.name].other), pair.reconstruction)
        values = (own, own - other, 100.0 * (own > other))
        return Measurement({q.name: value for q, value in zip(self.quantities, values, strict=True)})

    def _between(self, one: Recording, other: Recording) -> float:
        return self.similarity.measure(Pair(one, other)).values["speaker_similarity"]
