from pathlib import Path

import pytest

from wavcube.errors import DataError
from wavcube.generation.tts.evaluation.lists import read_list


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_librispeech_cross_sentence(tmp_path: Path) -> None:
    touch(tmp_path, "audio/61/70968/61-70968-0000.flac", "audio/61/70968/61-70968-0003.flac")
    path = tmp_path / "cross.lst"
    path.write_text('61-70968-0000\t3.1\tHe said "no"!\t61-70968-0003\t5.5\tAnd so it was.\r\n')
    (item,) = read_list(path, tmp_path / "audio")
    assert item.prompt == tmp_path / "audio/61/70968/61-70968-0000.flac"
    assert item.recording == tmp_path / "audio/61/70968/61-70968-0003.flac"
    assert (item.prompt_text, item.text, item.seconds) == ('He said "no"!', "And so it was.", 5.5)
    with pytest.raises(DataError, match=r"1 of 1 prompts do not exist.*--audio"):
        read_list(path)


def test_seed_tts(tmp_path: Path) -> None:
    touch(tmp_path, "prompt-wavs/a.wav", "wavs/one.wav")
    path = tmp_path / "meta.lst"
    path.write_text(
        "one|What it says.|prompt-wavs/a.wav|To speak.\ntwo|你好。|prompt-wavs/a.wav|再见。|wavs/none.wav\n"
    )
    one, two = read_list(path)
    assert (one.prompt_text, one.text, one.language) == ("What it says.", "To speak.", "en")
    assert one.recording == tmp_path / "wavs/one.wav"
    assert (two.language, two.recording) == ("zh", None)
    assert len(read_list(path, limit=1)) == 1


def test_tables(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    path = tmp_path / "list.tsv"
    path.write_text('prompt\tprompt_text\ttext\tlanguage\na.wav\t"Oh\tHallo\tde\na.wav\tb\tc\t\n')
    first, second = read_list(path)
    assert (first.prompt_text, first.language, second.language) == ('"Oh', "de", "en")
    assert first.name != second.name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.lst", "", "empty"),
        ("a.lst", "a\tb\n", "2 fields with tabs"),
        ("a.lst", "a\tx\tb\tc\ty\td\n", "'y' is no number of seconds"),
        ("a.lst", "a|b|c\n", r"3 fields with \|"),
        ("a.tsv", "prompt\ttext\na\tb\n", "no 'prompt_text'"),
        ("a.tsv", "prompt\tprompt_text\ttext\na\tb\n", "as many cells"),
        ("a.lst", "n|b|p.wav|t\nn|b|p.wav|t\n", "name 'n'"),
    ],
)
def test_malformed_lists_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    touch(tmp_path, "p.wav")
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_list(tmp_path / name)


def test_missing_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_list(tmp_path / "none.lst")
