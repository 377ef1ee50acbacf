"""Utterances to listen to: the ten worst and those in the middle, as players and spectrograms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wavcube.data.clip import Clip
from wavcube.errors import ConfigError
from wavcube.evaluation.metric import Quantity, Recording
from wavcube.evaluation.report.pictures import loudest_magnitude
from wavcube.evaluation.report.player import Playable, flac, playable
from wavcube.evaluation.runner import load_original, reconstruct
from wavcube.evaluation.systems.base import System

if TYPE_CHECKING:
    import pandas as pd

COUNT = 10
"""Of worst, and of median utterances."""

AUDIO_BUDGET = 5_500_000
"""Bytes of sound in a page: base64 makes 7.4 MB of it, and the whole page stays under 10."""

PREFERRED = ("pesq_wb", "stoi", "mel_distance", "utmos", "wer")
"""Default ranking of the worst utterances: the first of these that was measured."""


@dataclass(frozen=True)
class Example:
    """An utterance to listen to.

    Attributes:
        name: of the utterance.
        seconds: of the whole utterance.
        excerpt: seconds that are in the page.
        values: quantity -> value, of the focus.
        texts: what was said, and what was read.
        original, reconstruction: clips.
    """

    name: str
    seconds: float
    excerpt: float
    values: dict[str, float]
    texts: dict[str, str]
    original: Playable
    reconstruction: Playable


@dataclass(frozen=True)
class Examples:
    """Examples of one system (the focus), chosen by one quantity."""

    focus: str
    ranked_by: Quantity
    worst: list[Example] = field(default_factory=list)
    median: list[Example] = field(default_factory=list)


def choose_examples(
    table: "pd.DataFrame",
    quantities: Sequence[Quantity],
    system: System,
    utterances: Sequence[Clip],
    ranked_by: str | None = None,
) -> Examples | None:
    """The ten worst and up to ten median utterances of a system, each once; None if nothing ranks utterances.

    Args:
        table: see `evaluate`.
        quantities: that were measured.
        system: to listen to; it reconstructs the chosen utterances once more.
        utterances: that were evaluated.
        ranked_by: name of a quantity.

    Raises:
        ConfigError: there is no such quantity.
    """
    single = {q.name: q for q in quantities if q.ratio is None}
    if ranked_by is not None and ranked_by not in single:
        raise ConfigError(f"no quantity {ranked_by!r} to rank utterances by; there are {', '.join(single)}")
    candidates = [ranked_by] if ranked_by else [*(name for name in PREFERRED if name in single), *single]
    rows = table[table["system"] == system.name].set_index("utterance")
    for name in candidates:
        defined = rows[rows[name].notna()].sort_values(name, kind="stable")
        if len(defined):
            break
    else:
        return None
    if single[name].better == "lower":
        defined = defined[::-1]
    worst = list(defined.index[:COUNT])
    middle = max(0, len(defined) // 2 - COUNT // 2)
    median = [utterance for utterance in defined.index[middle : middle + COUNT] if utterance not in worst]
    by_name = {utterance.name: utterance for utterance in utterances}
    clips = _clips(system, [by_name[utterance] for utterance in worst + median])
    cells = rows.to_dict("index")
    made = {utterance: _example(utterance, cells[utterance], single, *clip) for utterance, clip in clips.items()}
    return Examples(
        system.name,
        single[name],
        [made[utterance] for utterance in worst if utterance in made],
        [made[utterance] for utterance in median if utterance in made],
    )


def _clips(system: System, utterances: Sequence[Clip]) -> dict[str, tuple[Recording, Recording, float]]:
    """Original, reconstruction and full duration by name, cut so that all of them fit into the budget."""
    pairs = {}
    for utterance in utterances:
        original = load_original(utterance)
        made = reconstruct(system, [original])[0]
        if isinstance(made, Recording):
            pairs[utterance.name] = (original, made)
    seconds = _excerpt_seconds([recording for pair in pairs.values() for recording in pair])
    return {
        name: (_cut(original, seconds), _cut(made, seconds), original.seconds)
        for name, (original, made) in pairs.items()
    }


def _excerpt_seconds(recordings: Sequence[Recording]) -> float:
    """How much of each recording may be kept: infinite, or the longest that keeps the budget."""
    sizes = np.array([len(flac(recording)) for recording in recordings])
    seconds = np.array([recording.seconds for recording in recordings])
    limit = float("inf")
    while (kept := np.minimum(1, limit / seconds) * sizes).sum() > AUDIO_BUDGET:
        limit = min(limit, float(seconds.max())) * min(0.97, float(np.sqrt(AUDIO_BUDGET / kept.sum())))
    return limit


def _cut(recording: Recording, seconds: float) -> Recording:
    if recording.seconds <= seconds:
        return recording
    return Recording(recording.waveform[: int(seconds * recording.sample_rate)], recording.sample_rate, recording.name)


def _example(
    name: str, row: Mapping[Any, Any], quantities: Iterable[str], original: Recording, made: Recording, seconds: float
) -> Example:
    loudest = loudest_magnitude(original)
    texts = {label: str(row[column]) for label, column in _TEXTS.items() if isinstance(row.get(column), str)}
    values = {quantity: float(row[quantity]) for quantity in quantities}
    return Example(name, seconds, original.seconds, values, texts, playable(original, loudest), playable(made, loudest))


_TEXTS = {"said": "reference", "read": "hypothesis"}
