"""From a list of noisy and clean recordings to a report: read, enhance, measure against the clean ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.manifest import parse_filters, read_clips
from wavcube.evaluation.comparison import check_metrics, compare_systems
from wavcube.evaluation.metrics import MetricOptions, choose_metrics
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
    cluster: str | None = None,
    listen: bool = True,
    progress: bool = False,
    on_skipped: Callable[[str, str], None] | None = None,
) -> Summary:
    """Evaluate systems on noisy recordings and write the report into `folder`.

    Args:
        systems: see `load_enhancement_systems`; the others are compared with the first.
        data: list of recordings, see `read_pairs`.
        folder: for measurements and report; the same one again continues.
        codec: where the models' WavCube lies, if it has been moved.
        filters: COLUMN=VALUE, rows of the list that are kept.
        limit: only the first so many recordings.
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
    utterances, noisy = read_pairs(data, filters, limit)
    chosen = choose_metrics(metrics, options)
    check_metrics(chosen, on_skipped)
    loaded = load_enhancement_systems(systems, noisy, codec, options.device)
    return compare_systems(
        loaded,
        utterances,
        chosen,
        folder,
        processes=processes,
        progress=progress,
        title="Speech enhancement",
        data=" ".join([data.name, *filters]),
        cluster=cluster,
        listen=listen,
    )
