# ruff: noqa: RUF001 (phonetic letters)
import pytest

from wavcube.errors import ConfigError
from wavcube.generation.tts.text.frontend import build_front_end


def test_phonemes_of_espeak() -> None:
    pytest.importorskip("phonemizer")
    pytest.importorskip("espeakng_loader")
    assert "".join(build_front_end("phonemes:en-us")("hello")).startswith("h")


def test_phonemes_of_gruut() -> None:
    pytest.importorskip("gruut")
    front_end = build_front_end("gruut:en-us")
    hello = ["h", "ˈaɪ", ",", " ", "d", "ˈɑ", "k", "t", "ɚ", " ", "s", "m", "ˈɪ", "θ", "!"]
    assert front_end("Hi, Dr. Smith!") == hello
    assert front_end("3") == front_end("three")
    assert front_end("WHAT IS IT") == front_end("what is it")
    assert front_end("salt <b> & pepper")[:4] == front_end("salt")  # no markup
    assert front_end("...!") == []
    assert front_end("hi \u4f60\u597d!") == ["h", "ˈaɪ", " ", "\u4f60\u597d", "!"]  # not left out in silence
    with pytest.raises(ConfigError, match="gruut has no such language"):
        build_front_end("gruut:xx")("hello")
