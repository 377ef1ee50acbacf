# ruff: noqa: RUF001 (Chinese punctuation)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavcube.generation.tts.text.sentences import split_sentences, split_text


def test_sentences_end_where_they_end() -> None:
    text = 'Mr. Smith came at 3.30 p.m. sharp. "Really?" he said... Yes! J. R. Tolkien wrote it. I did. (So.) End'
    assert split_sentences(text) == [
        "Mr. Smith came at 3.30 p.m.", "sharp.", '"Really?"', "he said...", "Yes!", "J. R. Tolkien wrote it.", "I did.",
        "(So.)", "End",
    ]  # fmt: skip


def test_chinese_sentences_need_no_spaces() -> None:
    assert split_sentences("你好。我很好！是吗？是") == ["你好。", "我很好！", "是吗？", "是"]


def test_as_many_sentences_in_a_piece_as_fit() -> None:
    assert split_text("One two. Three. Four five six.", 16) == ["One two. Three.", "Four five six."]
    assert split_text("One two. Three. Four five six.", 100) == ["One two. Three. Four five six."]


def test_long_sentences_are_cut_at_clauses_then_at_words() -> None:
    assert split_text("alpha beta, gamma delta epsilon zeta", 14) == ["alpha beta,", "gamma delta", "epsilon zeta"]


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_gives_nothing(text: str) -> None:
    assert split_text(text, 10) == []


@given(st.text(alphabet="ab .,?!\"'()。，", max_size=80), st.integers(8, 60))
def test_nothing_is_lost_and_pieces_are_short(text: str, longest: int) -> None:
    pieces = split_text(text, longest)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for piece in pieces:
        assert len(piece.encode()) <= longest or " " not in piece
