import pytest
import torch

from wavcube.generation.conversion.timed_text import TimedText
from wavcube.generation.tts.text.frontend import TextError

PAUSES = [True, False]
"""Of tokens 1 and 2."""


def test_a_short_text_is_one_piece() -> None:
    text = TimedText([1, 2, 1], torch.tensor([10.0, 90.5, 100.0]))
    (piece,) = text.pieces(PAUSES, 100)
    assert piece == text
    assert piece.frames == 100


def test_pieces_are_cut_inside_the_longest_pause_of_each_second_half() -> None:
    token_ids = [1, 2, 1, 2, 1, 2, 1, 2, 1]
    ends = torch.tensor([5.0, 20.0, 40.0, 60.0, 62.0, 80.0, 90.0, 130.0, 140.0])
    first, second = TimedText(token_ids, ends).pieces(PAUSES, 100)
    assert (first.frames, second.frames) == (85, 55)  # in the pause from 80 to 90, not the longer one from 20 to 40
    assert first.token_ids == token_ids[:7]
    assert second.token_ids == token_ids[6:]
    assert second.ends.tolist() == [5, 45, 55]


def test_a_text_without_a_pause_where_one_is_needed_is_refused() -> None:
    with pytest.raises(TextError, match="does not fit the recording"):
        TimedText([1, 2, 1], torch.tensor([5.0, 290.0, 300.0])).pieces(PAUSES, 100)
