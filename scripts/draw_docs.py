"""Draw the pictures of the documentation from what is committed: `python scripts/draw_docs.py`.

    docs/pictures/abilities.svg   the small SUPERB table of docs/understanding.md as a radar
    docs/pictures/idea.svg        the model and its two stages
    docs/pictures/latent.png      a sentence: waveform, spectrogram, latent of the packaged model

docs/learnability.png is drawn by scripts/learnability.py. Needs wavcube[eval].
"""

import re
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from wavcube import WavCube, load_audio
from wavcube.audio.demo_clip import DEMO_CLIP

DOCS = Path(__file__).parents[1] / "docs"
TABLE = re.compile(r"<!-- begin superb_small_table.py -->\n(.*?)<!-- end -->", re.S)
AXES = {
    "phoneme recognition, PER": "phonemes",
    "speech recognition, WER (SpecAugment scaled)": "words",
    "keyword spotting, Acc": "digits",  # the last such row
    "intent classification, Acc": "intents",
    "speaker identification, Acc": "speakers",
    "speaker verification, EER": "verification",
}
"""Rows of the table, and what the picture calls them; of error rates the picture shows 100 less the rate."""

COLOURS = {"latents": "#1f77b4", "encoder features": "#7f7f7f", "log-mel": "#d62728"}


def small_superb(text: str) -> dict[str, dict[str, float]]:
    """Representation -> axis -> percent that is right, from the page with the table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.findall(text)[0].split("\n")]
    names = rows[0][4:]
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for row in rows:
        if row[0] in AXES:
            for name, cell in zip(names, row[4:], strict=True):
                value = float(re.findall(r"[\d.]+", cell)[0])
                found[name][AXES[row[0]]] = value if row[0].endswith("Acc") else 100 - value
    return {name: {axis: values[axis] for axis in AXES.values()} for name, values in found.items()}


def draw_abilities(path: Path) -> None:
    found = small_superb((DOCS / "understanding.md").read_text(encoding="utf-8"))
    axes = list(next(iter(found.values())))
    angles = np.linspace(0, 2 * np.pi, len(axes), endpoint=False)
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    panel = figure.add_subplot(projection="polar")
    for name, values in found.items():
        closed = [values[axis] for axis in [*axes, axes[0]]]
        panel.plot([*angles, angles[0]], closed, color=COLOURS[name], label=name, linewidth=2)
        panel.fill([*angles, angles[0]], closed, color=COLOURS[name], alpha=0.08)
    panel.set_xticks(angles, axes)
    panel.tick_params(axis="x", pad=14)
    panel.set_ylim(0, 100)
    panel.set_yticks([25, 50, 75, 100], ["25", "50", "75", "100 % right"], fontsize=8)
    panel.legend(loc="upper left", bbox_to_anchor=(1.1, 1.0), title="small heads on", frameon=False)
    figure.savefig(path, bbox_inches="tight")


def draw_idea(path: Path) -> None:
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    panel = figure.add_subplot()
    panel.set(xlim=(-2, 104), ylim=(0, 46))
    panel.axis("off")

    def box(x: float, y: float, width: float, text: str, colour: str) -> None:
        panel.add_patch(
            FancyBboxPatch((x, y), width, 8, boxstyle="round,pad=0.3", facecolor=colour, edgecolor="#333333")
        )
        panel.text(x + width / 2, y + 4, text, ha="center", va="center", fontsize=9)

    def arrow(start: tuple[float, float], end: tuple[float, float], dashed: bool = False) -> None:
        style = {"arrowstyle": "->", "color": "#333333", "linestyle": "--" if dashed else "-"}
        panel.annotate("", end, start, arrowprops=style)

    def note(x: float, y: float, text: str) -> None:
        panel.text(x, y, text, ha="center", va="center", fontsize=8, color="#333333")

    blue, green, orange, grey = "#cfe2f3", "#d9ead3", "#fce5cd", "#eeeeee"
    box(0, 19, 11, "recording\n16 kHz", grey)
    box(18, 19, 14, "encoder\nfeatures [T, H]", blue)
    box(39, 19, 12, "compressor", green)
    box(58, 19, 14, "LATENT\n[T, 128], 50 Hz", orange)
    box(79, 31, 13, "restorer", green)
    box(79, 7, 13, "decoder", green)
    box(18, 36, 14, "teacher\n(frozen copy)", grey)
    for start, end in ((11.5, 17.5), (32.5, 38.5), (51.5, 57.5)):
        arrow((start, 23), (end, 23))
    arrow((72.5, 24), (78.5, 34))
    arrow((72.5, 22), (78.5, 12))
    arrow((92.5, 35), (97, 35))
    note(97, 28, "restored\nfeatures")
    arrow((92.5, 11), (97, 11))
    note(97, 4, "waveform:\nmel, GAN")
    arrow((25, 35.5), (25, 27.7), dashed=True)
    note(33.5, 31.6, "stage 2: stay near")
    arrow((32.5, 41), (80, 39.7), dashed=True)
    note(56, 43, "both stages: stay near")
    note(25, 14, "stage 1: frozen\nstage 2: learns too")
    note(45, 14, "bottleneck")
    note(65, 14, "what heads read and\ngenerators make")
    figure.savefig(path)


def draw_latent(path: Path) -> None:
    model = WavCube.from_pretrained()
    waveform = load_audio(DEMO_CLIP, model.sample_rate)
    values = model.encode(waveform, model.sample_rate).values[0]
    scaled = (values - model.latent_mean) / model.latent_std.clamp_min(1e-5)
    seconds = len(waveform) / model.sample_rate
    window = torch.hann_window(400)
    power = torch.stft(torch.from_numpy(waveform), 400, 80, window=window, return_complex=True).abs().clamp_min(1e-4)
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    panels[0].plot(np.arange(len(waveform)) / model.sample_rate, waveform, linewidth=0.4)
    panels[0].set_ylabel("amplitude")
    image = {"aspect": "auto", "origin": "lower"}
    panels[1].imshow(20 * power.log10(), extent=(0, seconds, 0, 8), cmap="magma", vmin=-60, **image)
    panels[1].set_ylabel("frequency, kHz")
    panels[2].imshow(scaled.T, extent=(0, len(values) / 50, 0, 128), cmap="RdBu_r", vmin=-3, vmax=3, **image)
    panels[2].set_ylabel("channel of the latent")
    panels[2].set_xlabel("time, s")
    figure.savefig(path, dpi=75)


if __name__ == "__main__":
    matplotlib.rcParams["svg.hashsalt"] = "wavcube"  # the same bytes every time
    (DOCS / "pictures").mkdir(exist_ok=True)
    draw_abilities(DOCS / "pictures/abilities.svg")
    draw_idea(DOCS / "pictures/idea.svg")
    draw_latent(DOCS / "pictures/latent.png")
    print(f"written to {DOCS / 'pictures'}")
