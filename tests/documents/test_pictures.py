"""Pictures are drawn from figures that pages hold."""

import importlib.util

import pytest

from tests.locations import REPOSITORY


def test_the_radar_reads_the_table() -> None:
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("draw_docs", REPOSITORY / "scripts/draw_docs.py")
    assert spec is not None
    assert spec.loader is not None
    draw_docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw_docs)
    found = draw_docs.small_superb((REPOSITORY / "docs/understanding.md").read_text(encoding="utf-8"))
    assert list(found) == list(draw_docs.COLOURS)
    assert all(list(values) == list(draw_docs.AXES.values()) for values in found.values())
    assert all(0 <= value <= 100 for values in found.values() for value in values.values())
