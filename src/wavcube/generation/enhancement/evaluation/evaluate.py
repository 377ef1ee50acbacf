"""From a list of noisy and clean recordings to a report: read, enhance, measure against the clean ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.manifest import parse_filters, read_clips
from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import choose_metrics
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import Summary
from wavcube.generation.enhancement.evaluation.systems import load_enhancement_systems
from wavcube.generation.regression.evaluation.references import clean_beside

METRICS = ("pesq_wb", "stoi", "estoi", "si_sdr", "dnsmos", "wer", "wer_vs_original", "speaker")
"""Of quality without a reference alone nothing follows: a system that invents speech scores high. Word errors and
similarity to the speaker say what was kept."""


def read_pairs(data: Path, filters: Sequence[str] = (), limit: int | None = None) -> tuple[list[Clip], dict[str, Path]]:
    """The clean clips of a list with a column `clean` beside `path`, and the noisy recordings by the clips' names.

    Raises:
        DataError: no such column, or recordings that do not exist.
    """
    clean, noisy = [], {}
    for clip in read_clips(data, parse_filters(filters), limit):
        clean.append(replace(clip, path=clean_beside(data, clip, "clean")))
        noisy[clip.name] = clip.path
    return clean, noisy


def evaluate_enhancement(
    settings: EvaluationSettings,
    *,
    codec: str | None = None,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on noisy recordings and write the report into the settings' folder.

    Args:
        settings: systems as `load_enhancement_systems` takes them, a list of recordings as of `read_pairs`; by default
            with `METRICS`.
        codec: where the models' WavCube lies, if it has been moved.
        progress: whether to show a bar.
        on_skipped: called with each metric that cannot run, and how to get what it lacks.

    Raises:
        WavCubeError: what is missing or wrong, by name.
    """
    utterances, noisy = read_pairs(settings.data, settings.filters, settings.limit)
    chosen = choose_metrics(METRICS if settings.metrics is None else settings.metrics, settings.options)
    check_metrics(chosen, on_skipped)
    systems = load_enhancement_systems(settings.systems, noisy, codec, settings.options.device)
    return compare_systems(systems, utterances, chosen, settings, title="Speech enhancement", progress=progress)
