"""From a list of pairs to a report: convert, measure against the source's words and the target's voice."""

from collections.abc import Callable

from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import choose_metrics
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import Summary
from wavcube.generation.conversion.evaluation.metrics import PitchOfTarget, VoiceSimilarity
from wavcube.generation.conversion.evaluation.pairs import read_pairs
from wavcube.generation.conversion.evaluation.systems import load_conversion_systems

METRICS = ("speaker", "wer", "wer_vs_original", "dnsmos")
"""`speaker` stands for similarity to target and source."""

SYSTEMS_BY_DEFAULT = ("packaged", "source", "pitch-shift", "true", "resynthesis")


def evaluate_conversion(
    settings: EvaluationSettings,
    *,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on pairs of source and target and write the report into the settings' folder.

    Args:
        settings: systems as `load_conversion_systems` takes them, a list of pairs as of `read_pairs`; by default with
            `METRICS`.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        WavCubeError: what is missing or wrong, by name.
    """
    utterances, targets = read_pairs(settings.data, settings.filters, settings.limit)
    chosen = choose_metrics(METRICS if settings.metrics is None else settings.metrics, settings.options)
    chosen.metrics = [
        VoiceSimilarity(metric.encoder, targets) if isinstance(metric, SpeakerSimilarity) else metric
        for metric in chosen.metrics
    ]
    pitch = choose_metrics(["pitch"], settings.options)
    if pitch.skipped:
        chosen.skipped[PitchOfTarget.name] = pitch.skipped["pitch"]
    else:
        chosen.metrics.append(PitchOfTarget(targets))
    check_metrics(chosen, on_skipped)
    systems = load_conversion_systems(settings.systems, targets, settings.options.device)
    return compare_systems(systems, utterances, chosen, settings, title="Voice conversion", progress=progress)
