"""Axes of pictures: round ticks, inside the picture, with the unit."""

import pytest

from wavcube.evaluation.report.plot import Axis, plot


@pytest.mark.parametrize(
    ("end", "unit", "labels"),
    [
        (8, "kHz", ["0", "2", "4", "6", "8 kHz"]),
        (24, "kHz", ["0", "5", "10", "15", "20 kHz"]),
        (2.835, "s", ["0", "1", "2 s"]),
        (0.42, "s", ["0.0", "0.1", "0.2", "0.3", "0.4 s"]),
        (60, "s", ["0", "20", "40", "60 s"]),
        (3600, "s", ["0", "1000", "2000", "3000 s"]),
    ],
)
def test_ticks_are_round_and_few(end: float, unit: str, labels: list[str]) -> None:
    ticks = Axis(end, unit).ticks()
    assert [label for _, label in ticks] == labels
    assert [at for at, _ in ticks] == pytest.approx([float(label.split()[0]) / end for label in labels])


def test_nothing_has_an_axis_too() -> None:
    assert Axis(0.0, "s").ticks() == [(0.0, "0 s")]


def test_a_label_at_the_end_stays_inside() -> None:
    text = plot("data:,", "a <picture>", Axis(15, "s"), Axis(8, "kHz"))
    assert "class=last style='left:100%'>15 s<" in text
    assert "alt='a &lt;picture&gt;'" in text
