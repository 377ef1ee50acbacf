"""From a list of pairs to a report: convert, measure against the source's words and the target's voice."""

from collections.abc import Callable, Sequence
from pathlib import Path

from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import MetricOptions, choose_metrics
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.summary import Summary
from wavcube.generation.conversion.evaluation.metrics import PitchOfTarget, VoiceSimilarity
from wavcube.generation.conversion.evaluation.pairs import read_pairs
from wavcube.generation.conversion.evaluation.systems import load_conversion_systems

METRICS = ("speaker", "wer", "wer_vs_original", "dnsmos")
"""`speaker` stands for similarity to target and source."""

SYSTEMS_BY_DEFAULT = ("packaged", "source", "pitch-shift", "true", "resynthesis")


def evaluate_conversion(
    systems: Sequence[str],
    data: Path,
    folder: Path,
    *,
    filters: Sequence[str] = (),
    limit: int | None = None,
    metrics: Sequence[str] = METRICS,
    options: MetricOptions | None = None,
    processes: int | None = None,
    cluster: str | None = None,
    listen: bool = True,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on pairs of source and target and write the report into `folder`.

    Args:
        systems: see `load_conversion_systems`; the others are compared with the first.
        data: list of pairs, see `read_pairs`.
        folder: for measurements and report; the same one again continues.
        filters: COLUMN=VALUE, rows of the list that are kept.
        limit: only the first so many pairs.
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
    utterances, targets = read_pairs(data, filters, limit)
    chosen = choose_metrics(metrics, options)
    chosen.metrics = [
        VoiceSimilarity(metric.encoder, targets) if isinstance(metric, SpeakerSimilarity) else metric
        for metric in chosen.metrics
    ]
    pitch = choose_metrics(["pitch"], options)
    if pitch.skipped:
        chosen.skipped[PitchOfTarget.name] = pitch.skipped["pitch"]
    else:
        chosen.metrics.append(PitchOfTarget(targets))
    check_metrics(chosen, on_skipped)
    loaded = load_conversion_systems(systems, targets, options.device)
    return compare_systems(
        loaded,
        utterances,
        chosen,
        folder,
        processes=processes,
        progress=progress,
        title="Voice conversion",
        data=" ".join([data.name, *filters]),
        cluster=cluster,
        listen=listen,
    )
