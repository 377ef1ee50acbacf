"""Pictures of latents: channels over time, and recordings on a plane."""

import io
from collections.abc import Sequence

import numpy as np

from wavcube.evaluation.report.player import data_url
from wavcube.evaluation.report.plot import Axis, plot

DEVIATIONS = 3.0
"""Standard deviations that the colours of a latent reach."""


def latent_picture(latents: np.ndarray, seconds: float) -> str:
    """A latent [T, C] in standard deviations of its channels as HTML: time across, channels upwards."""
    from matplotlib import colormaps
    from PIL import Image

    levels = np.clip(latents.T[::-1] / DEVIATIONS / 2 + 0.5, 0, 1)
    stream = io.BytesIO()
    Image.fromarray(colormaps["RdBu_r"](levels, bytes=True)[..., :3]).save(stream, "WEBP", quality=80)
    picture = plot(
        data_url("image/webp", stream.getvalue()), "the latent", Axis(seconds, "s"), Axis(latents.shape[1], "")
    )
    return (
        f"<figure class='clip'><figcaption>latent: channels over time</figcaption>{picture}</figure>"
        f"<p class='scale'>Each channel: -{DEVIATIONS:.0f} <i class='both'></i> {DEVIATIONS:.0f} standard deviations "
        f"from its mean</p>"
    )


def map_of_recordings(vectors: np.ndarray, names: Sequence[str]) -> str:
    """Recordings as points by the first two principal components of their vectors [N, C], as SVG; N is 3 or more."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    centred = vectors - vectors.mean(0)
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * strength[:2]
    shares = 100 * np.square(strength[:2]) / max(float(np.square(strength).sum()), 1e-12)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wavcube", "font.size": 9}):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.scatter(points[:, 0], points[:, 1], s=42, color="#1f6f8b")
        for (x, y), name in zip(points, names, strict=True):
            axes.annotate(name, (x, y), xytext=(6, 6), textcoords="offset points", parse_math=False)
        axes.margins(0.25)
        axes.set_xlabel(f"1st principal component ({shares[0]:.0f} % of the variance)")
        axes.set_ylabel(f"2nd ({shares[1]:.0f} %)")
        axes.spines[["top", "right"]].set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", facecolor="white", metadata={"Date": None})
    text = stream.getvalue()
    return f"<figure class='map'>{text[text.index('<svg') :]}</figure>"
