"""Tables of clips."""

import pickle

import numpy as np
import pytest

from wavcube.data.manifests.clip_table import Clip, ClipTable


@pytest.fixture
def table() -> ClipTable:
    table = ClipTable()
    table.add("a/eins.flac", seconds=2.0)
    table.add("b/zwei ü.flac", start=1.5, seconds=3.0, channel=1)
    table.add("drei\udcff.wav")  # a name that is no UTF-8, as os.listdir gives it
    return table


def test_clips_come_out_as_they_went_in(table):
    expected = [
        Clip("a/eins.flac", "a/eins.flac", 0.0, 2.0),
        Clip("b/zwei ü.flac", "b/zwei ü.flac@1.5s", 1.5, 3.0, 1),
        Clip("drei\udcff.wav", "drei\udcff.wav", 0.0, None),
    ]
    assert list(table) == expected
    assert list(pickle.loads(pickle.dumps(table))) == expected
    assert table[-1] == expected[-1]
    with pytest.raises(IndexError):
        table[3]


def test_choosing(table):
    assert list(table.only(np.array([False, True, True]))) == [table[1], table[2]]
    np.testing.assert_array_equal(table.seconds, [2.0, 3.0, np.nan])


def test_a_hundred_thousand_clips_need_no_objects():
    table = ClipTable()
    for number in range(100_000):
        table.add(f"speaker/chapter/utterance-{number:08d}.flac", seconds=10.0)
    assert len(pickle.dumps(table)) < 8_000_000
