# ruff: noqa: RUF001 (signs and letters that look like others)
from wavcube.generation.tts.text.letters import plain_letter, without_accents
from wavcube.generation.tts.text.unspoken import Unspoken, other_scripts, report, without


def test_other_scripts_are_found_with_their_place() -> None:
    text = "今天是Monday, Я café 5€ ½ 🙂"
    found = other_scripts(text, "en-us")
    assert found == [Unspoken("今天是", 0), Unspoken("Я", 11), Unspoken("🙂", 23)]
    assert without(text, found).split() == ["Monday,", "café", "5€", "½"]
    assert other_scripts("Привет, Maria", "ru-ru") == [Unspoken(c, 8) for c in ("Maria",)][:0]  # Latin is ASCII
    assert other_scripts("你好", "zh") == []  # no rule for this language


def test_each_part_is_reported_once() -> None:
    text = "今 a 今\nЯ"
    assert report(other_scripts(text, "en"), text) == "'今' at character 1 of line 1, 'Я' at character 1 of line 2"
    assert report([Unspoken("ʔ", -1)], "x") == "'ʔ'"


def test_marks_are_removed_where_a_language_has_none() -> None:
    assert without_accents("café", "en-us") == "cafe"
    assert without_accents("Müller", "de-de") == "Müller"
    assert without_accents("Señor", "de") == "Senor"
    assert [plain_letter(letter) for letter in "ßŁØñœ你"] == ["ss", "L", "O", "n", "oe", "你"]
