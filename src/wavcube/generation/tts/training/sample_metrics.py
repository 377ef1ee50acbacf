"""Metrics of the samples that training synthesises, by the ASR model and the speaker encoder of the settings."""

from collections.abc import Iterable

import numpy as np

from wavcube.errors import WavCubeError
from wavcube.evaluation.metrics import MetricOptions, Pair, choose_metrics
from wavcube.generation.tts.evaluation.prosody import Prosody
from wavcube.generation.tts.training.config import SampleSettings


class SampleMetrics:
    """Metrics of spoken sentences.

    Args:
        settings: name the ASR model and the speaker encoder, and say whether prosody counts.

    Raises:
        WavCubeError: one of them cannot be had.
    """

    def __init__(self, settings: SampleSettings) -> None:
        names = [name for name, given in (("wer", settings.asr), ("speaker", settings.speaker)) if given]
        options = MetricOptions(speaker=settings.speaker or None, asr=settings.asr or None)
        chosen = choose_metrics(names, options, [Prosody] if settings.prosody else [])
        if chosen.skipped:
            name, reason = next(iter(chosen.skipped.items()))
            raise WavCubeError(f"samples: {name} cannot be measured: {reason}")
        self.metrics = chosen.metrics

    def __bool__(self) -> bool:
        return bool(self.metrics)

    def means(self, pairs: Iterable[Pair]) -> dict[str, float]:
        """Means over the pairs, by name: "wer" and "cer" in %, "speaker_similarity", quantities of `Prosody`."""
        found: dict[str, list[float]] = {}
        for pair in pairs:
            for metric in self.metrics:
                for name, value in metric(pair).values.items():
                    found.setdefault(name, []).append(value)
        names = [quantity.name for metric in self.metrics for quantity in metric.quantities if not quantity.ratio]
        return {name: float(np.mean(found[name])) for name in names if name in found}
