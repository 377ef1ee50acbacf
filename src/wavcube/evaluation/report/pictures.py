"""Pictures of a report: spectrograms, and how quantities are distributed over utterances."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wavcube.evaluation.metric import Quantity, Recording
from wavcube.evaluation.metrics.spectral import spectrum

if TYPE_CHECKING:
    import pandas as pd

RANGE_DB = 80.0
"""From black to white in a spectrogram."""

WIDEST = 560
"""Pixels; a longer recording gets fewer frames a second."""

ACCENT, GREY = "#1f6f8b", "#9aa5ab"


def spectrogram_image(recording: Recording, loudest: float) -> bytes:
    """Spectrogram from 0 Hz (bottom) to half the rate (top) as WebP; white is `loudest`, black 80 dB below it.

    Not PNG: forty noisy pictures of it would fill half of a page's size.

    Args:
        recording: to draw.
        loudest: largest magnitude of the picture's companion, so that both have the same scale.
    """
    from matplotlib import colormaps
    from PIL import Image

    magnitude = _magnitude(recording)
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-10) / max(loudest, 1e-10))
    levels = np.clip((decibels + RANGE_DB) / RANGE_DB * 255, 0, 255).astype(np.uint8)
    colours = colormaps["magma"](levels.T[::-1], bytes=True)[..., :3]
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours)).save(stream, "WEBP", quality=80)
    return stream.getvalue()


def loudest_magnitude(recording: Recording) -> float:
    """Largest magnitude of the recording's spectrogram."""
    return float(_magnitude(recording).max())


def distributions_svg(table: "pd.DataFrame", quantities: Sequence[Quantity], systems: Sequence[str], focus: str) -> str:
    """A panel for each quantity, a box for each system: quartiles, 5th to 95th percentile, the utterances beyond."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = [quantity for quantity in quantities if quantity.name in table.columns]
    if not shown:
        return ""
    across = min(3, len(shown))
    down = -(-len(shown) // across)
    # A salt of its own makes the file the same each time; text stays text, which is small and can be searched.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wavcube", "font.size": 8}):
        figure = Figure(figsize=(3.6 * across, down * (0.75 + 0.24 * len(systems))), layout="constrained")
        panels = np.atleast_1d(figure.subplots(down, across, sharey=True)).ravel()
        for panel, quantity in zip(panels, shown, strict=False):
            values = [_defined(table, system, quantity) for system in systems]
            boxes = panel.boxplot(
                values, orientation="horizontal", whis=(5, 95), widths=0.6, patch_artist=True,
                flierprops={"marker": ".", "markersize": 2, "markeredgecolor": GREY}, medianprops={"color": "black"},
            )  # fmt: skip
            for box, system in zip(boxes["boxes"], systems, strict=True):
                box.set(facecolor=ACCENT if system == focus else "#dfe4e6", edgecolor="#55606a", linewidth=0.6)
            panel.set_yticks(range(1, len(systems) + 1), systems)
            panel.set_title(f"{quantity.heading} {quantity.arrow}", fontsize=8, loc="left")
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].invert_yaxis()  # in the order of the table; the panels share the axis
        for panel in panels[len(shown) :]:
            panel.set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _magnitude(recording: Recording) -> np.ndarray:
    hop = max(128, len(recording.waveform) // WIDEST)
    return recording.remember("picture", lambda: spectrum(recording.waveform, 512, hop, 512)[:, 1:])


def _defined(table: "pd.DataFrame", system: str, quantity: Quantity) -> np.ndarray:
    values = table.loc[table["system"] == system, quantity.name].to_numpy(float)
    return values[~np.isnan(values)]
