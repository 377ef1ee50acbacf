"""From a list of mixtures of two talkers to a report: separate, measure each talker against it alone."""

from collections.abc import Callable, Sequence
from pathlib import Path

from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metric import Metric
from wavcube.evaluation.metrics import MetricOptions, choose_metrics
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.summary import Summary
from wavcube.generation.separation.evaluation.metrics import SISDRImprovement, TalkerSimilarity
from wavcube.generation.separation.evaluation.systems import load_separation_systems
from wavcube.generation.separation.evaluation.talkers import MIXTURE, read_talkers

METRICS = ("si_sdr", "estoi", "speaker", "wer", "wer_vs_original")
"""`si_sdr` stands for its improvement over the mixture too, `speaker` for similarity to both talkers."""

SYSTEMS_BY_DEFAULT = ("packaged", "packaged?decoded=1", "mixture", "oracle-mask")


def evaluate_separation(
    systems: Sequence[str],
    data: Path,
    folder: Path,
    *,
    codec: str | None = None,
    filters: Sequence[str] = (),
    limit: int | None = None,
    metrics: Sequence[str] = METRICS,
    options: MetricOptions | None = None,
    processes: int | None = None,
    cluster: str | None = MIXTURE,
    listen: bool = True,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on mixtures of two talkers and write the report into `folder`.

    Args:
        systems: see `load_separation_systems`; the others are compared with the first.
        data: list of mixtures, see `read_talkers`.
        folder: for measurements and report; the same one again continues.
        codec: where the models' WavCube lies, if it has been moved.
        filters: COLUMN=VALUE, rows of the list that are kept.
        limit: only the first so many mixtures.
        metrics: their names.
        options: the models that some metrics need, and the device.
        processes: for the small metrics; None for one a core.
        cluster: column whose groups the bootstrap draws as a whole.
        listen: whether sound and spectrograms are put into the page.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        WavCubeError: what is missing or wrong, by name.
    """
    options = options or MetricOptions()
    utterances, talkers = read_talkers(data, filters, limit)
    chosen = choose_metrics(metrics, options)

    def of_talkers(metric: Metric) -> Metric:
        if isinstance(metric, SISDR):
            return SISDRImprovement(talkers)
        return TalkerSimilarity(metric.encoder, talkers) if isinstance(metric, SpeakerSimilarity) else metric

    chosen.metrics = [of_talkers(metric) for metric in chosen.metrics]
    check_metrics(chosen, on_skipped)
    return compare_systems(
        load_separation_systems(systems, talkers, codec, options.device),
        utterances,
        chosen,
        folder,
        processes=processes,
        progress=progress,
        title="Separation of two talkers",
        data=" ".join([data.name, *filters]),
        cluster=cluster,
        listen=listen,
    )
