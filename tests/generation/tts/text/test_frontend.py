# ruff: noqa: RUF001 (typographic quotes and dashes)
from pathlib import Path

import pytest

from wavcube.errors import ConfigError
from wavcube.generation.tts.text.frontend import TextError, build_text_frontend, plain
from wavcube.generation.tts.text.vocabulary import Vocabulary


def test_plain_text_has_one_form() -> None:
    assert plain("  “It’s\u00a0fine” – said\n\te\u0301 … ") == '"It\'s fine" - said é ...'


def test_characters_and_lower_case() -> None:
    assert build_text_frontend("characters")("A b.") == ["A", " ", "b", "."]
    assert build_text_frontend("lowercase")("A b.") == ["a", " ", "b", "."]


def test_pinyin_is_syllables_for_chinese_and_characters_for_the_rest() -> None:
    pytest.importorskip("pypinyin")
    pytest.importorskip("rjieba")
    assert build_text_frontend("pinyin")("OK, 银行!") == ["O", "K", ",", " ", "yin2", " ", "hang2", "!"]
    assert build_text_frontend("pinyin")("行人") == ["xing2", " ", "ren2"]  # the same character in another word


def test_edges_stand_for_the_silence_around_a_text() -> None:
    assert build_text_frontend("lowercase", edges=True)("a.") == [" ", "a", ".", " "]
    assert build_text_frontend("lowercase", edges=True)(" ") == []


@pytest.mark.parametrize("wrong", ["", "letters", "phonemes", "gruut", "pinyin:zh"])
def test_unknown_text_frontends_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="no text frontend"):
        build_text_frontend(wrong)


def test_a_vocabulary_numbers_from_one_and_begins_with_the_space() -> None:
    vocabulary = Vocabulary.collect(["ba c", "ad"])
    assert vocabulary.tokens == (" ", "a", "b", "c", "d")
    assert vocabulary.encode("a b") == [2, 1, 3]


def test_unknown_characters_are_named() -> None:
    with pytest.raises(TextError, match="'x' 'y'"):
        Vocabulary([" ", "a"]).encode("axayx")


def test_vocabulary_files(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text(" \na\nzh1\n", encoding="utf-8")
    assert Vocabulary.read(path).tokens == (" ", "a", "zh1")
    for text, message in (("a\n \n", "first token"), (" \na\na\n", "twice"), ("", "first token")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            Vocabulary.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Vocabulary.read(tmp_path / "none")
