"""A picture with axes, as HTML: the picture stays small and sharp, and the axes' text stays text."""

from dataclasses import dataclass
from html import escape

MOST_TICKS = 6

LAST = 0.93
"""Share of an axis beyond which a label lies left of its tick, or it would leave the picture."""


@dataclass(frozen=True)
class Axis:
    """From 0 to `end` in a unit, which the last tick carries."""

    end: float
    unit: str

    def ticks(self) -> list[tuple[float, str]]:
        """Share of the axis and label of each tick, at round numbers, six at most."""
        if self.end <= 0:
            return [(0.0, f"0 {self.unit}")]
        step = next(s for s in _round_steps(self.end) if self.end / s <= MOST_TICKS - 1)
        digits = len(f"{step:.6f}".rstrip("0").partition(".")[2])
        count = int(self.end / step + 1e-6)
        labels = [f"{i * step:.{digits}f}" for i in range(count + 1)]
        labels[-1] += f" {self.unit}"
        return [(min(1.0, i * step / self.end), label) for i, label in enumerate(labels)]


def _round_steps(end: float) -> list[float]:
    """1, 2 and 5 times powers of ten, rising."""
    return [mantissa * 10.0**exponent for exponent in range(-3, len(f"{end:.0f}") + 1) for mantissa in (1, 2, 5)]


def plot(picture: str, described: str, across: Axis, up: Axis) -> str:
    """A picture between its axes.

    Args:
        picture: data URL; stretched to the width of the page.
        described: what it shows, for those who cannot see it.
        across: of its width.
        up: of its height, from the bottom.
    """
    left = "".join(f"<span style='bottom:{100 * at:.4g}%'>{escape(label)}</span>" for at, label in up.ticks())
    below = "".join(
        f"<span{' class=last' if at > LAST else ''} style='left:{100 * at:.4g}%'>{escape(label)}</span>"
        for at, label in across.ticks()
    )
    return (
        f"<div class='plot'><div class='up'>{left}</div>"
        f"<div class='picture'><img src='{picture}' alt='{escape(described)}'></div>"
        f"<div class='across'>{below}</div></div>"
    )
