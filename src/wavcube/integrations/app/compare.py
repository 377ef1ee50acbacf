"""The tab Compare: how far recordings are from each other in the latent, and where each lies among the others."""

from collections.abc import Sequence
from html import escape

import numpy as np

from wavcube.errors import DataError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.report.page import html_table, notes
from wavcube.integrations.app.alignment import aligned_distance
from wavcube.integrations.app.listening import Progress
from wavcube.integrations.app.models import Models, standardised
from wavcube.integrations.app.pictures import map_of_recordings

MOST = 8
"""Recordings that are compared at once."""

EXPLANATION = (
    "Mean squared difference of the latents over frames that dynamic time warping aligns, in units of each channel's "
    "variance: 0 for equal recordings, about 2 for unrelated ones. Without warping it is wavcube.losses.LatentDistance."
)


def compare(recordings: Sequence[Recording], models: Models, progress: Progress) -> str:
    """HTML of two to eight recordings.

    Raises:
        DataError: fewer, or more.
        AudioError: one is too short for a frame.
    """
    if not 2 <= len(recordings) <= MOST:
        raise DataError(f"{len(recordings)} recordings are given; this page compares 2 to {MOST}")
    progress(0.05, desc="loading the model")
    model = models.codec
    latents = []
    for number, one in enumerate(recordings):
        progress(0.1 + 0.5 * number / len(recordings), desc=f"encoding {one.name}")
        encoded = model.encode(one.at(model.sample_rate), model.sample_rate, names=[one.name])
        latents.append(standardised(encoded, model))
    progress(0.6, desc="aligning")
    distances = [[aligned_distance(one, other) for other in latents[:row]] for row, one in enumerate(latents)]
    names = [one.name for one in recordings]
    rows = [
        [escape(name), *(f"{value:.2f}" for value in own), *[""] * (len(names) - 1 - len(own))]
        for name, own in zip(names[1:], distances[1:], strict=True)
    ]
    table = html_table(["distance", *map(escape, names[:-1])], rows) + notes([EXPLANATION])
    if len(names) < 3:
        return table + notes(["With three recordings or more there is also a map of them."])
    vectors = np.stack([one.mean(0) for one in latents])
    return table + map_of_recordings(vectors, names) + notes(["Each point is the mean of a recording's latent."])
