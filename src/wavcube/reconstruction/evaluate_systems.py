"""Table 1 in one call: read recordings, choose metrics, reconstruct and measure, report."""

from collections.abc import Callable

from wavcube.data.manifest import parse_filters, read_clips
from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import choose_metrics
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import Summary
from wavcube.evaluation.systems import load_system


def evaluate_reconstruction(
    settings: EvaluationSettings,
    *,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on recordings and write the report into the settings' folder.

    Args:
        settings: systems as `load_system` takes them, a folder of recordings or a manifest; by default with all metrics
            that can run.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        ConfigError: a metric or system is unknown, or none of the metrics can run.
        DataError: there are no recordings, or a column does not exist.
    """
    utterances = read_clips(settings.data, parse_filters(settings.filters), settings.limit)
    chosen = choose_metrics(settings.metrics, settings.options)
    check_metrics(chosen, on_skipped)
    systems = [load_system(description, settings.options.device) for description in settings.systems]
    return compare_systems(systems, utterances, chosen, settings, title="Reconstruction of speech", progress=progress)
