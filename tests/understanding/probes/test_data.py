from pathlib import Path

import pytest

from wavcube.errors import DataError
from wavcube.understanding.probes.data import character_corpus, read_list, speaker_corpus

HEADER = "path\tsplit\tspeaker\tlanguage\ttranscript\ttranscript_kind\n"


def row(path, split="train", speaker="a", language="en", transcript="some words", kind="true") -> str:
    return "\t".join([path, split, speaker, language, transcript, kind]) + "\n"


def written(folder: Path, *rows: str) -> Path:
    path = folder / "clips.tsv"
    path.write_text(HEADER + "".join(rows))
    return path


def test_characters_come_from_english_transcripts(tmp_path):
    rows = [row(f"train{i}.wav") for i in range(100)]
    rows += [
        row("german.wav", language="de"),
        row("slots.wav", kind="slots"),
        row("digits.wav", transcript="room 12"),
        row("probe.wav", split="probe"),
        row("test.wav", split="test", transcript="WORDS, some!"),
        row("strange.wav", split="test", transcript="zebra"),
    ]
    corpus = character_corpus(read_list(written(tmp_path, *rows)), tmp_path)
    assert len(corpus.train) + len(corpus.dev) == 100
    assert 3 <= len(corpus.dev) <= 20
    assert [(e.clip.name, e.target) for e in corpus.test] == [("test", "words some")]
    assert corpus.test[0].clip.path == tmp_path / "test.wav"


def test_every_speaker_is_in_every_split_and_no_recording_twice(tmp_path):
    rows = [row(f"{s}{i}.wav", split="test", speaker=s) for s in "ab" for i in range(30)]
    rows += [row(f"few{i}.wav", split="test", speaker="few") for i in range(3)]
    rows += [row(f"seen{i}.wav", split="train", speaker="seen") for i in range(30)]
    rows += [row(f"who{i}.wav", split="probe", speaker="?") for i in range(30)]
    corpus = speaker_corpus(read_list(written(tmp_path, *rows)), tmp_path)
    for split, count in (("train", 24), ("dev", 8), ("test", 8)):
        assert len(corpus.splits[split]) == count
        assert {e.target for e in corpus.splits[split]} == {"a", "b"}
    assert len({e.clip.name for e in corpus.examples}) == 40


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "clips.csv"
    path.write_text("path,split\na.wav,train\n")
    with pytest.raises(DataError, match="speaker"):
        read_list(path)


def test_nothing_to_probe(tmp_path):
    rows = read_list(written(tmp_path, row("a.wav")))
    with pytest.raises(DataError, match="transcripts"):
        character_corpus(rows, tmp_path)
    with pytest.raises(DataError, match="two speakers"):
        speaker_corpus(rows, tmp_path)
    with pytest.raises(DataError, match=r"none\.tsv: cannot be read"):
        read_list(tmp_path / "none.tsv")
