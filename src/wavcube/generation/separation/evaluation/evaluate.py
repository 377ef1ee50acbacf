"""From a list of mixtures of two talkers to a report: separate, measure each talker against it alone."""

from collections.abc import Callable
from dataclasses import replace

from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metric import Metric
from wavcube.evaluation.metrics import choose_metrics
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import Summary
from wavcube.generation.separation.evaluation.metrics import SISDRImprovement, TalkerSimilarity
from wavcube.generation.separation.evaluation.systems import load_separation_systems
from wavcube.generation.separation.evaluation.talkers import MIXTURE, read_talkers

METRICS = ("si_sdr", "estoi", "speaker", "wer", "wer_vs_original")
"""`si_sdr` stands for its improvement over the mixture too, `speaker` for similarity to both talkers."""

SYSTEMS_BY_DEFAULT = ("packaged", "packaged?decoded=1", "mixture", "oracle-mask")


def evaluate_separation(
    settings: EvaluationSettings,
    *,
    codec: str | None = None,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on mixtures of two talkers and write the report into the settings' folder.

    Args:
        settings: systems as `load_separation_systems` takes them, a list of mixtures as of `read_talkers`; by default
            with `METRICS`, and the bootstrap draws both talkers of a mixture together.
        codec: where the models' WavCube lies, if it has been moved.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        WavCubeError: what is missing or wrong, by name.
    """
    if settings.cluster is None:
        settings = replace(settings, cluster=MIXTURE)
    utterances, talkers = read_talkers(settings.data, settings.filters, settings.limit)
    chosen = choose_metrics(METRICS if settings.metrics is None else settings.metrics, settings.options)

    def of_talkers(metric: Metric) -> Metric:
        if isinstance(metric, SISDR):
            return SISDRImprovement(talkers)
        return TalkerSimilarity(metric.encoder, talkers) if isinstance(metric, SpeakerSimilarity) else metric

    chosen.metrics = [of_talkers(metric) for metric in chosen.metrics]
    check_metrics(chosen, on_skipped)
    systems = load_separation_systems(settings.systems, talkers, codec, settings.options.device)
    return compare_systems(systems, utterances, chosen, settings, title="Separation of two talkers", progress=progress)
