# ruff: noqa: RUF001 (phonetic letters)
import pytest

from wavcube.errors import ConfigError
from wavcube.generation.tts.text.frontend import build_text_frontend


def test_phonemes_of_espeak() -> None:
    pytest.importorskip("phonemizer")
    pytest.importorskip("espeakng_loader")
    assert "".join(build_text_frontend("phonemes:en-us")("hello")).startswith("h")


def test_phonemes_of_gruut() -> None:
    pytest.importorskip("gruut")
    text_frontend = build_text_frontend("gruut:en-us")
    hello = ["h", "ˈaɪ", ",", " ", "d", "ˈɑ", "k", "t", "ɚ", " ", "s", "m", "ˈɪ", "θ", "!"]
    assert text_frontend("Hi, Dr. Smith!") == hello
    assert text_frontend("3") == text_frontend("three")
    assert text_frontend("WHAT IS IT") == text_frontend("what is it")
    assert text_frontend("salt <b> & pepper")[:4] == text_frontend("salt")  # no markup
    assert text_frontend("...!") == []
    assert text_frontend("hi \u4f60\u597d!") == ["h", "ˈaɪ", " ", "\u4f60\u597d", "!"]  # not left out in silence
    with pytest.raises(ConfigError, match="gruut has no such language"):
        build_text_frontend("gruut:xx")("hello")
