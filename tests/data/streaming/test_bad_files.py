"""The tally of what could not be used."""

import pytest

from wavcube.data.streaming.bad_files import BadFiles, Skipped
from wavcube.errors import DataError


def test_the_limit_holds_from_a_number_of_recordings_on():
    tally = BadFiles(max_share=0.1, after=20)
    tally.add(7, [Skipped("a", "a: broken"), Skipped("b", "b: gone"), Skipped("a", "a: broken")])
    tally.add(8, [])
    assert (tally.seen, tally.bad) == (18, 3)
    with pytest.raises(DataError, match=r"3 of 20 .* max_bad_share \(0.1\) allows; the first: a: broken; b: gone"):
        tally.add(2, [])


def test_exactly_the_limit_is_allowed_and_limits_of_length_do_not_count():
    tally = BadFiles(max_share=0.1, after=10)
    tally.add(9, [Skipped("a", "a: broken"), *[Skipped(f"{i}", "too short", bad=False) for i in range(10)]])
    assert (tally.seen, tally.bad) == (10, 1)


def test_a_file_is_logged_once_also_over_a_resume(caplog):
    tally = BadFiles(0.5, 100)
    tally.add(4, [Skipped("a", "a: broken")])
    tally.add(4, [Skipped("a", "a: broken")])
    again = BadFiles(0.5, 100)
    again.load_state_dict(tally.state_dict())
    again.add(4, [Skipped("a", "a: broken"), Skipped("b", "b: gone")])
    assert [record.message for record in caplog.records] == [
        "skipped a recording: a: broken",
        "skipped a recording: b: gone",
    ]
    assert (again.seen, again.bad) == (16, 4)
