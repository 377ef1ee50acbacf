"""The metrics, one small class each, and the choice among them.

    from wavcube.evaluation.metrics import MetricOptions, choose_metrics
    chosen = choose_metrics(["stoi", "pesq_wb", "speaker"], MetricOptions(speaker="resemblyzer"))
    measurement = chosen.metrics[0](pair)

The base class is in wavcube.evaluation.metric.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from wavcube.data.text_normalizers import NORMALISERS
from wavcube.errors import CheckpointError, ConfigError
from wavcube.evaluation.asr import ASR_MODELS, ASRModel, load_asr
from wavcube.evaluation.exported_networks import WaveformNetwork
from wavcube.evaluation.metric import (
    Measurement,
    Metric,
    MetricUnavailable,
    Pair,
    Quantity,
    Recording,
    Undefined,
)
from wavcube.evaluation.metrics.bitrate import Bitrate
from wavcube.evaluation.metrics.dnsmos import DNSMOS
from wavcube.evaluation.metrics.f0 import F0
from wavcube.evaluation.metrics.pesq import NarrowbandPESQ, WidebandPESQ
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.metrics.spectral import MelDistance, STFTDistance
from wavcube.evaluation.metrics.stoi import STOI, ExtendedSTOI
from wavcube.evaluation.metrics.utmos import UTMOS, load_utmos
from wavcube.evaluation.metrics.wer import WordErrorRate, WordErrorRateAgainstOriginal
from wavcube.evaluation.speaker_encoder import SPEAKER_ENCODERS, SpeakerEncoder, load_speaker_encoder

__all__ = [
    "METRICS",
    "ChosenMetrics",
    "Measurement",
    "Metric",
    "MetricOptions",
    "MetricUnavailable",
    "Pair",
    "Quantity",
    "Recording",
    "Undefined",
    "choose_metrics",
]

METRICS: dict[str, type[Metric]] = {
    metric.name: metric
    for metric in (
        STOI,
        ExtendedSTOI,
        WidebandPESQ,
        NarrowbandPESQ,
        SISDR,
        MelDistance,
        STFTDistance,
        F0,
        DNSMOS,
        UTMOS,
        SpeakerSimilarity,
        WordErrorRate,
        WordErrorRateAgainstOriginal,
        Bitrate,
    )
}
"""Every metric by its name, in the order of reports."""


@dataclass(frozen=True)
class MetricOptions:
    """The models that some metrics need. Each is a description for its loader, or the loaded thing itself.

    Attributes:
        speaker: see `SPEAKER_ENCODERS`.
        asr: see `ASR_MODELS`.
        utmos: a TorchScript or ONNX file, or "hub" to download the published one.
        normaliser: of the texts whose words are counted, one of `NORMALISERS`.
        device: that they run on.
    """

    speaker: str | SpeakerEncoder | None = None
    asr: str | ASRModel | None = None
    utmos: str | WaveformNetwork | None = None
    normaliser: str = "whisper"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.normaliser not in NORMALISERS:
            raise ConfigError(f"no text normaliser {self.normaliser!r}; there are {', '.join(NORMALISERS)}")


@dataclass
class ChosenMetrics:
    """The metrics that can run, and for each that cannot, how to get what it lacks."""

    metrics: list[Metric] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def choose_metrics(
    names: Iterable[str] | None = None, options: MetricOptions | None = None, own: Sequence[type[Metric]] = ()
) -> ChosenMetrics:
    """Make the metrics of these names, or all of them.

    Args:
        names: of `METRICS`.
        options: the models that some need.
        own: metrics of a task of its own, made after the others.

    Raises:
        ConfigError: there is no metric of a name.
    """
    names = list(dict.fromkeys(METRICS if names is None else names))
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ConfigError(f"no metric {unknown[0]!r}; there are {', '.join(METRICS)}")
    maker = _Maker(options or MetricOptions())
    chosen = ChosenMetrics()
    for metric in [*(METRICS[name] for name in names), *own]:
        try:
            chosen.metrics.append(maker.make(metric))
        except (MetricUnavailable, CheckpointError) as reason:
            chosen.skipped[metric.name] = str(reason)
    return chosen


class _Maker:
    """Makes metrics; those that share a model get the same one."""

    def __init__(self, options: MetricOptions) -> None:
        self.options = options
        self._models: dict[str, object] = {}

    def make(self, metric: type[Metric]) -> Metric:
        for package, distribution in metric.packages.items():
            if find_spec(package) is None:
                raise MetricUnavailable(f'the package {distribution} is missing: pip install "wavcube[eval]"')
        options = self.options
        if metric is SpeakerSimilarity:
            how = f"needs a speaker encoder; give --speaker, one of\n{SPEAKER_ENCODERS}"
            return SpeakerSimilarity(self._model("speaker", options.speaker, load_speaker_encoder, how))
        if issubclass(metric, WordErrorRate):
            how = f"needs a speech recognition model; give --asr, one of\n{ASR_MODELS}"
            return metric(self._model("asr", options.asr, load_asr, how), options.normaliser)
        if metric is UTMOS:
            how = "needs its weights; give --utmos hub to download them, or --utmos FILE (TorchScript or ONNX)"
            return UTMOS(self._model("utmos", options.utmos, load_utmos, how))
        return metric()

    def _model(self, kind: str, given: object | None, load: Callable, how: str) -> Any:
        if given is None:
            raise MetricUnavailable(how)
        if kind not in self._models:
            self._models[kind] = load(given, self.options.device) if isinstance(given, str) else given
        return self._models[kind]
