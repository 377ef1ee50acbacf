"""What the tabs show alike: recordings over one player, and tables of what was measured on them."""

from collections.abc import Callable, Mapping

from wavcube.evaluation.metric import Pair, Recording
from wavcube.evaluation.metrics import choose_metrics
from wavcube.evaluation.report.page import heading_of, html_table, notes
from wavcube.evaluation.report.pictures import loudest_magnitude
from wavcube.evaluation.report.player import SCALE, playable, switched_player
from wavcube.evaluation.report.tables import number

Progress = Callable[..., object]
"""Called with the share that is done and `desc`, what comes next."""

METRICS = ("mel", "pitch", "stoi", "pesq_wb")
"""Those that need no weights beside their packages."""


def listen(recordings: Mapping[str, Recording]) -> str:
    """Spectrograms of one scale over a player that switches between the recordings at the same position."""
    loudest = max(loudest_magnitude(recording) for recording in recordings.values())
    return switched_player({name: playable(one, loudest) for name, one in recordings.items()}, save=True) + SCALE


def measured(original: Recording, made: Recording) -> str:
    """A table of the distances between two recordings of one length, and why some have no value."""
    chosen = choose_metrics(METRICS)
    rows, reasons = [], [f"No {name}: {how}." for name, how in chosen.skipped.items()]
    for metric in chosen.metrics:
        found = metric(Pair(original, made))
        rows += [[heading_of(q), number(found.values[q.name], q)] for q in metric.quantities if q.name in found.values]
        reasons += [f"No {q.title}: {found.undefined[q.name]}." for q in metric.quantities if q.name in found.undefined]
    return html_table(["measured against the original", ""], rows) + notes(reasons)
