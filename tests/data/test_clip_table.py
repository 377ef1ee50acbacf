"""Tables of clips."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from wavcube.data.clip import Clip
from wavcube.data.clip_table import ClipTable


@pytest.fixture
def table() -> ClipTable:
    table = ClipTable()
    table.add(Clip("1", Path("a/eins.flac"), seconds=2.0))
    table.add(Clip("2", Path("b/zwei ü.flac"), 1.5, 3.0, 1))
    table.add(Clip("3", Path("b/zwei ü.flac"), 0.0))
    table.add(Clip("4", Path("drei\udcff.wav")))  # a name that is no UTF-8, as os.listdir gives it
    return table


def test_clips_come_out_as_they_went_in(table):
    expected = [
        Clip("a/eins.flac", Path("a/eins.flac"), None, 2.0),
        Clip("b/zwei ü.flac@1.5s", Path("b/zwei ü.flac"), 1.5, 3.0, 1),
        Clip("b/zwei ü.flac", Path("b/zwei ü.flac"), 0.0, None),
        Clip("drei\udcff.wav", Path("drei\udcff.wav")),
    ]
    assert list(table) == expected
    assert list(pickle.loads(pickle.dumps(table))) == expected
    assert table[-1] == expected[-1]
    with pytest.raises(IndexError):
        table[4]


def test_choosing(table):
    assert list(table.only(np.array([False, True, False, True]))) == [table[1], table[3]]
    np.testing.assert_array_equal(table.seconds, [2.0, 3.0, np.nan, np.nan])


def test_a_hundred_thousand_clips_need_no_objects():
    table = ClipTable()
    for number in range(100_000):
        table.add(Clip("", Path(f"speaker/chapter/utterance-{number:08d}.flac"), seconds=10.0))
    assert len(pickle.dumps(table)) < 8_000_000
